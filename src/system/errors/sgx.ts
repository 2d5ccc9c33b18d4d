import { quoteErrors } from "./quote-reasons.ts";

/** Why an SGX quote is refused. */
export const sgxErrors = quoteErrors("sgx");
