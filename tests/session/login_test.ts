import { assertEquals } from "@std/assert";
import { Login } from "../../src/session/login.ts";

const base64 = (text: string): string => btoa(text);

Deno.test("login: the name and nothing else, mechanism by mechanism", () => {
  const exchanges: readonly [mechanism: string, responses: string[], name: string][] = [
    ["PLAIN", [base64("\0jane\0secret")], "jane"],
    ["PLAIN", [base64("boss\0jane\0secret")], "jane"],
    ["PLAIN", [base64("jane")], ""],
    ["LOGIN", [base64("jane"), base64("secret")], "jane"],
    ["LOGIN", ["", base64("secret")], ""],
    ["CRAM-MD5", [base64("jane doe 0123456789abcdef")], "jane doe"],
    ["CRAM-MD5", [base64("secret")], ""],
    ["XOAUTH2", [base64("user=jane\x01auth=Bearer token\x01\x01")], "jane"],
    ["OAUTHBEARER", [base64("n,a=jane,\x01auth=Bearer token\x01\x01")], "jane"],
    ["SCRAM-SHA-256", [base64("n,,n=a=3Db=2Cc=3D2C,r=nonce"), base64("n,,n=eve,r=x")], "a=b,c=2C"],
    ["SCRAM-SHA-1", [base64("p=tls-unique,,n=jane,r=nonce")], ""],
    ["GSSAPI", [base64("\0jane\0secret")], ""],
    ["CONSTRUCTOR", [base64("jane")], ""],
    // What is not base64, not UTF-8 or too long is no name.
    ["LOGIN", ["a"], ""],
    ["LOGIN", [base64("\xff")], ""],
    ["LOGIN", [base64("x".repeat(256))], ""],
    ["LOGIN", ["="], ""],
  ];
  for (const [mechanism, responses, name] of exchanges) {
    const login = new Login(mechanism);
    for (const response of responses) login.response(response);
    assertEquals(login.name, name, `${mechanism} ${responses}`);
  }
});
