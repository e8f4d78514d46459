#pragma once

// The only include of libtorch. Its LOG and CHECK macros clash with glog's: a file that includes
// this must not include glog, directly or indirectly.

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/headeronly/version.h>
#include <torch/library.h>
