// Generated from scanner.wat by `deno task scanner --write`.

/** The scanner's WebAssembly module in base64. */
export const SCANNER_WASM: string =
  "AGFzbQEAAAABCAFgA39/fwF/AwIBAAUDAQAEBxECBm1lbW9yeQIABHNraXAAAAqvAQGsAQIBfwN7IAEhAyAA/Q8hBQ" +
  "JAA0AgAiADa0EQSQ0BIAP9AAQAIQQgBSAE/Q0PEBESExQVFhcYGRobHB0eIQUgBEEK/Q/9IyAFQQ39D/0j/VEgBUEK" +
  "/Q/9IyAEQS79D/0jIARBAP0P/SP9UP1O/VAhBiAG/VMEQCADIAb9ZGhqIQMMAgsgBCEFIANBEGohAwwACwsgAyABSw" +
  "RAIAMgA0EBay0AAEENRmshAwsgAws=";
