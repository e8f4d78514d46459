#pragma once

// The one door through which libtorch enters. libtorch defines LOG and CHECK macros that clash with
// glog's: a file that includes this one must not include glog, nor anything that does.

#include <ATen/ATen.h>
