// What a native addon for probes usually looks like: each argument is fetched from the runtime, then a C function is
// called. Also the library that koffi calls.
#include <node_api.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default"), noinline))

// Not optimised away, and as short as a probe nobody traces.
EXPORT void take_ints(int32_t a, int32_t b, int32_t c) { __asm__ volatile("nop" : : "r"(a), "r"(b), "r"(c)); }
EXPORT void take_mixed(int32_t a, int32_t b, const char *text) { __asm__ volatile("nop" : : "r"(a), "r"(b), "r"(text) : "memory"); }
EXPORT void take_string(const char *text) { __asm__ volatile("nop" : : "r"(text) : "memory"); }

static napi_value fire_ints(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value argv[3];
  int32_t words[3] = {0};
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok) return NULL;
  for (size_t i = 0; i < argc && i < 3; i++) napi_get_value_int32(env, argv[i], &words[i]);
  take_ints(words[0], words[1], words[2]);
  return NULL;
}

static napi_value fire_string(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  char text[4096];
  size_t length;
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc < 1) return NULL;
  if (napi_get_value_string_utf8(env, argv[0], text, sizeof text, &length) != napi_ok) return NULL;
  take_string(text);
  return NULL;
}

static napi_value fire_mixed(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value argv[3];
  int32_t words[2] = {0};
  char text[4096];
  size_t length;
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc < 3) return NULL;
  for (size_t i = 0; i < 2; i++) napi_get_value_int32(env, argv[i], &words[i]);
  if (napi_get_value_string_utf8(env, argv[2], text, sizeof text, &length) != napi_ok) return NULL;
  take_mixed(words[0], words[1], text);
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, NULL, 0, fire_ints, NULL, &function);
  napi_set_named_property(env, exports, "fireInts", function);
  napi_create_function(env, NULL, 0, fire_string, NULL, &function);
  napi_set_named_property(env, exports, "fireString", function);
  napi_create_function(env, NULL, 0, fire_mixed, NULL, &function);
  napi_set_named_property(env, exports, "fireMixed", function);
  return exports;
}
