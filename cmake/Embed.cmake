# Files that become part of a program.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# cc_embed(NAME web_files HDRS web_files.h FUNCTION WebFiles FILES index.html page.css [PURE]): the header declares
# `std::span<const EmbeddedFile> WebFiles();`, which gives the files in that order.
function(cc_embed)
  cmake_parse_arguments(EMBED "PURE" "NAME;HDRS;FUNCTION" "FILES;DEPS" ${ARGN})
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(source ${CMAKE_BINARY_DIR}/gen/${folder}/${EMBED_NAME}.cc)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/gen/${folder})
  add_custom_command(OUTPUT ${source}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/embed_files.py
      ${source} ${folder}/${EMBED_HDRS} ${EMBED_FUNCTION} ${EMBED_FILES}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    DEPENDS ${EMBED_FILES} ${CMAKE_SOURCE_DIR}/tools/embed_files.py VERBATIM)
  set(pure)
  if(EMBED_PURE)
    set(pure PURE)
  endif()
  cc_library(NAME ${EMBED_NAME} HDRS ${EMBED_HDRS} SRCS ${source} DEPS //base:embedded_file ${EMBED_DEPS} ${pure})
endfunction()

# proto_descriptors(OUT folder/inference.binpb SRC proto/chorus/v1/inference.proto): a FileDescriptorSet of that file and its
# imports, with the comments that generated descriptors lack.
function(proto_descriptors)
  cmake_parse_arguments(ARG "" "OUT;SRC" "" ${ARGN})
  add_custom_command(OUTPUT ${ARG_OUT}
    COMMAND protobuf::protoc --include_imports --include_source_info --descriptor_set_out=${ARG_OUT}
      --dependency_out=${ARG_OUT}.d
      -I ${CMAKE_SOURCE_DIR}/proto -I ${CMAKE_SOURCE_DIR} -I ${GOOGLE_API_PROTO_DIR} ${CMAKE_SOURCE_DIR}/${ARG_SRC}
    DEPENDS ${CMAKE_SOURCE_DIR}/${ARG_SRC} DEPFILE ${ARG_OUT}.d VERBATIM)
endfunction()
