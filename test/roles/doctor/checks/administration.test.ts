import { afterAll, describe, expect, test } from "bun:test";
import { administration } from "../../../../src/roles/doctor/checks/administration.ts";
import { finding, kinds, machineWith, removeMachines } from "../fake-machine.ts";

afterAll(removeMachines);
const program = (name: string) => ({ "/proc/77/comm": `${name}\n` });
const UNITS = "/etc/systemd/system";

describe("remote administration", () => {
  test("is not found on a machine that has none", () => {
    const files = { ...program("vllm"), "/proc/cmdline": "console=ttyS0 root=/dev/vda1", "/var/lib/cloud/instance/user-data.txt": "" };
    expect(kinds(administration(machineWith(files)))).toEqual(["access.none ok"]);
  });

  test("is found by the programs that run, as the kernel cuts their names", () => {
    for (const [name, id] of [
      ["sshd", "access.ssh"],
      ["aliyun-service", "access.alibaba-assist"],
      ["AliYunDun", "access.alibaba-security"],
      ["google_guest_ag", "access.google-agent"],
      ["waagent", "access.azure-agent"],
      ["amazon-ssm-agen", "access.amazon-agent"],
      ["qemu-ga", "access.qemu-agent"],
      ["vmtoolsd", "access.vmware-agent"],
    ] as const) {
      expect(name.length).toBeLessThanOrEqual(15);
      const [one] = administration(machineWith(program(name)));
      expect([one?.id, one?.severity, one?.message.startsWith(`${name} runs`), one?.mend !== undefined]).toEqual([
        id,
        "warning",
        true,
        true,
      ]);
    }
  });

  test("is found where it is installed and does not run yet", () => {
    for (const [file, id] of [
      [`${UNITS}/sockets.target.wants/ssh.socket`, "access.ssh"],
      [`${UNITS}/multi-user.target.wants/sshd.service`, "access.ssh"],
      ["/usr/local/share/aliyun-assist/x", "access.alibaba-assist"],
      ["/usr/local/aegis/x", "access.alibaba-security"],
      ["/usr/bin/google_osconfig_agent", "access.google-agent"],
      ["/usr/sbin/waagent", "access.azure-agent"],
      ["/usr/sbin/qemu-ga", "access.qemu-agent"],
    ] as const) {
      expect(kinds(administration(machineWith({ [file]: "" })))).toEqual([`${id} warning`]);
    }
  });

  test("by cloud-init is found where user data came, will come, or could come", () => {
    const message = (files: Record<string, string>) => finding(administration(machineWith(files)), "access.cloud-init").message;
    const data = { "/var/lib/cloud/instance/user-data.txt": "#!/bin/sh" };
    expect(message({ ...data, "/usr/bin/cloud-init": "" })).toContain("is obeyed");
    expect(message({ ...data, "/usr/bin/cloud-init": "", "/etc/cloud/cloud-init.disabled": "" })).toContain("was obeyed");
    expect(message({ "/var/lib/cloud/instance/vendor-data2.txt": "x" })).toContain("vendor-data2.txt");
    expect(message({ "/usr/bin/cloud-init": "" })).toContain("would obey");
    expect(kinds(administration(machineWith({ "/usr/bin/cloud-init": "", "/etc/cloud/cloud-init.disabled": "" })))).toEqual([
      "access.none ok",
    ]);
  });

  test("by a serial line is found by its unit, or by a login beside a serial console", () => {
    const unit = { [`${UNITS}/getty.target.wants/serial-getty@ttyS1.service`]: "" };
    expect(finding(administration(machineWith(unit)), "access.serial").mend).toBe("systemctl mask --now serial-getty@ttyS1.service");
    const login = { ...program("agetty"), "/proc/cmdline": "quiet console=tty0 console=ttyS0,115200" };
    expect(finding(administration(machineWith(login)), "access.serial").message).toContain("ttyS0");
    expect(kinds(administration(machineWith({ ...program("agetty"), "/proc/cmdline": "console=tty0" })))).toEqual(["access.none ok"]);
  });

  test("is not said to be absent where other users' programs, or those outside of a container, cannot be seen", () => {
    for (const first of ["", "vllm\n"]) {
      const findings = administration(machineWith({ "/proc/2/comm": first }));
      expect(kinds(findings)).toEqual(["access.programs warning"]);
    }
  });

  test("of every kind is listed", () => {
    const files = { ...program("sshd"), "/usr/sbin/waagent": "", "/usr/bin/cloud-init": "" };
    expect(kinds(administration(machineWith(files)))).toEqual([
      "access.ssh warning",
      "access.azure-agent warning",
      "access.cloud-init warning",
    ]);
  });
});
