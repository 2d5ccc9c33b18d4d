import { describe, expect, test } from "bun:test";
import { compareReferences } from "../../../../src/roles/owner/verify/reference-diff.ts";

const members = {
  quote: { header: { version: "0400" }, body: { mr_td: "aa", rtmr_0: "bb", xfam: "e7" } },
  td_attributes: { debug: false },
  tcb_status: "UpToDate",
};
const names = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name);

describe("reference values beside evidence", () => {
  test("are equal, differ, are missing, or are not compared", () => {
    const references = {
      "tdx.mr_td": ["00", "aa"],
      "tdx.rtmr_0": ["cc"],
      "tdx.rtmr_9": ["dd"],
      "tdx.td_attributes.debug": [false],
      "tdx.version": ["0400"],
      "csv.measure": ["ee"],
      "measurement.kernel.SHA-384": ["ff"],
    };
    const diff = compareReferences("tdx", members, references);
    expect(names(diff.equal)).toEqual(["tdx.mr_td", "tdx.td_attributes.debug", "tdx.version"]);
    expect(diff.differ).toEqual([{ name: "tdx.rtmr_0", allowed: ["cc"], measured: "bb" }]);
    expect(names(diff.missing)).toEqual(["tdx.rtmr_9", "measurement.kernel.SHA-384"]);
    expect(diff.notCompared).toEqual([{ name: "csv.measure" }, { name: "tdx.xfam", measured: "e7" }]);
  });

  test("are compared as policies do: exactly, and anything but an array allows nothing", () => {
    const differing = (allowed: unknown) => names(compareReferences("tdx", members, { "tdx.mr_td": allowed as never }).differ);
    for (const allowed of ["aa", ["AA"], [], { aa: true }, null, [["aa"]]]) expect(differing(allowed)).toEqual(["tdx.mr_td"]);
  });

  test("of SGX are looked for in the enclave's report", () => {
    const enclave = { header: { pce_svn: "0d00" }, body: { mr_enclave: "aa", "attributes.flags": "05" } };
    const diff = compareReferences("sgx", enclave, { "sgx.mr_enclave": ["aa"], "sgx.pce_svn": ["0d00"], "sgx.attributes.flags": ["07"] });
    expect(names(diff.equal)).toEqual(["sgx.mr_enclave", "sgx.pce_svn"]);
    expect(names(diff.differ)).toEqual(["sgx.attributes.flags"]);
  });

  const booted = { ...members, quote: { body: { mr_td: "aa", rtmr_0: "b0", rtmr_1: "b1", rtmr_2: "b2" } } };
  const registers = { "tdx.mr_td": ["aa"], "tdx.rtmr_0": ["b0"], "tdx.rtmr_1": ["b1"], "tdx.rtmr_2": ["b2"] };

  test("of parts of the boot are held to every digest that the log calls so, and marked as its word", () => {
    const labelled = { ...booted, unproved_labels: { kernel: ["k1"], kernel_cmdline: ["c1", "c2"] } };
    const diff = compareReferences("tdx", labelled, {
      ...registers,
      "measurement.kernel.SHA-384": ["k0", "k1"],
      "measurement.kernel_cmdline.SHA384": ["c1"],
      "measurement.initrd.SHA-384": ["i1"],
    });
    expect(diff.equal).toContainEqual({ name: "measurement.kernel.SHA-384", allowed: ["k0", "k1"], measured: ["k1"], labelled: true });
    expect(diff.unproved).toEqual([]);
    expect(diff.differ).toMatchObject([{ name: "measurement.kernel_cmdline.SHA384", measured: ["c1", "c2"] }]);
    expect(names(diff.missing)).toEqual(["measurement.initrd.SHA-384"]);
  });

  test("of parts of the boot prove nothing without every register of it: another digest may have been called so", () => {
    const labelled = { ...booted, unproved_labels: { kernel: ["k1"] } };
    const kernel = { "measurement.kernel.SHA-384": ["k1"] };
    for (const left of ["", ...Object.keys(registers)]) {
      const some = left === "" ? {} : Object.fromEntries(Object.entries(registers).filter(([name]) => name !== left));
      const diff = compareReferences("tdx", labelled, { ...some, ...kernel });
      expect(names(diff.unproved)).toEqual(["measurement.kernel.SHA-384"]);
      expect(names(diff.equal)).toEqual(Object.keys(some));
    }
  });

  test("never reach what an object inherits", () => {
    const diff = compareReferences("tdx", members, { "tdx.constructor": ["x"], "tdx.__proto__": ["x"], "tdx.mr_td.length": [2] });
    expect(names(diff.missing)).toContain("tdx.constructor");
    expect(diff.equal).toEqual([]);
  });
});
