# Files that become part of a program.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# embed_files(web_files HDRS api_server/web/web_files.h FUNCTION chorus::gateway::WebFiles FILES index.html page.css):
# sets web_files to a source that defines what the header declares, `std::span<const EmbeddedFile> WebFiles();`, the
# files in that order.
function(embed_files out)
  cmake_parse_arguments(EMBED "" "HDRS;FUNCTION" "FILES" ${ARGN})
  set(source ${CMAKE_BINARY_DIR}/gen/${EMBED_HDRS}.cc)
  cmake_path(GET source PARENT_PATH folder)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${source}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/embed_files.py
      ${source} ${EMBED_HDRS} ${EMBED_FUNCTION} ${EMBED_FILES}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    DEPENDS ${EMBED_FILES} ${CMAKE_SOURCE_DIR}/tools/embed_files.py VERBATIM)
  set(${out} ${source} PARENT_SCOPE)
endfunction()

# proto_descriptors(OUT folder/inference.binpb SRC proto/chorus/v1/inference.proto): a FileDescriptorSet of that file
# and its imports, with the comments that generated descriptors lack.
function(proto_descriptors)
  cmake_parse_arguments(ARG "" "OUT;SRC" "" ${ARGN})
  add_custom_command(OUTPUT ${ARG_OUT}
    COMMAND protobuf::protoc --include_imports --include_source_info --descriptor_set_out=${ARG_OUT}
      --dependency_out=${ARG_OUT}.d
      -I ${CMAKE_SOURCE_DIR}/proto -I ${CMAKE_SOURCE_DIR} -I ${GOOGLE_API_PROTO_DIR} ${CMAKE_SOURCE_DIR}/${ARG_SRC}
    DEPENDS ${CMAKE_SOURCE_DIR}/${ARG_SRC} DEPFILE ${ARG_OUT}.d VERBATIM)
endfunction()
