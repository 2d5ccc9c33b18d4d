import { type Finding, found, ok } from "../finding.ts";
import type { Machine } from "../machine.ts";

/** A way in which somebody outside can make this machine do something: each keeps it from level L3 (security.md §1.4). */
interface Entrance {
  readonly id: `${string}.${string}`;
  readonly name: string;
  /** names of programs that run, as the kernel cuts them at 15 bytes */
  readonly programs: readonly string[];
  /** files that are there where it is installed */
  readonly files: readonly string[];
  readonly mend: string;
}

const UNITS = "/etc/systemd/system";

const ENTRANCES: readonly Entrance[] = [
  {
    id: "access.ssh",
    name: "logins over ssh",
    programs: ["sshd", "dropbear", "sshd-session"],
    files: ["ssh.service", "sshd.service"]
      .map((unit) => `${UNITS}/multi-user.target.wants/${unit}`)
      .concat(`${UNITS}/sockets.target.wants/ssh.socket`),
    mend: "systemctl disable --now ssh.socket ssh sshd",
  },
  {
    id: "access.alibaba-assist",
    name: "Alibaba Cloud's assistant, which runs commands of the control plane",
    programs: ["aliyun-service", "aliyun_assist_c", "assist_daemon"],
    files: ["/usr/local/share/aliyun-assist", "/usr/local/share/assist-daemon"],
    mend: "systemctl disable --now aliyun; rm -r /usr/local/share/aliyun-assist",
  },
  {
    id: "access.alibaba-security",
    name: "Alibaba Cloud's security agent, which runs what its service sends",
    programs: ["AliYunDun", "AliYunDunMonito", "AliYunDunUpdate"],
    files: ["/usr/local/aegis"],
    mend: "uninstall it from the console of Security Center, then rm -r /usr/local/aegis",
  },
  {
    id: "access.google-agent",
    name: "Google Cloud's guest agents, which make users and run scripts from metadata",
    programs: ["google_guest_ag", "google_osconfig", "google_metadata"],
    files: ["/usr/bin/google_guest_agent", "/usr/bin/google_osconfig_agent", "/usr/bin/google_metadata_script_runner"],
    mend: "apt-get purge google-guest-agent google-osconfig-agent, or dnf remove the same",
  },
  {
    id: "access.azure-agent",
    name: "Azure's agent, which runs extensions of the control plane",
    programs: ["waagent"],
    files: ["/usr/sbin/waagent", "/usr/bin/waagent"],
    mend: "systemctl disable --now walinuxagent waagent",
  },
  {
    id: "access.amazon-agent",
    name: "Amazon's Systems Manager agent, which runs commands of the control plane",
    programs: ["amazon-ssm-agen"],
    files: ["/usr/bin/amazon-ssm-agent", "/snap/bin/amazon-ssm-agent.ssm-cli"],
    mend: "systemctl disable --now amazon-ssm-agent",
  },
  {
    id: "access.qemu-agent",
    name: "the QEMU guest agent, through which the host runs commands and changes passwords",
    programs: ["qemu-ga"],
    files: ["/usr/bin/qemu-ga", "/usr/sbin/qemu-ga"],
    mend: "systemctl disable --now qemu-guest-agent",
  },
  {
    id: "access.vmware-agent",
    name: "VMware's guest tools, through which the host runs commands",
    programs: ["vmtoolsd"],
    files: ["/usr/bin/vmtoolsd"],
    mend: "systemctl disable --now open-vm-tools",
  },
];

/** Each way in which somebody outside could make this machine do something, as far as it can be seen. */
export function administration(machine: Machine): Finding[] {
  const running = machine.programs();
  const findings = [
    ...(machine.showsAllPrograms() ? [] : [unseen()]),
    ...ENTRANCES.flatMap((entrance) => entranceFinding(machine, running, entrance)),
    ...cloudInit(machine),
    ...serialLogin(machine, running),
  ];
  return findings.length > 0
    ? findings
    : [ok("access.none", "no remote administration was found: no agents of a cloud, no ssh, no login on a serial line")];
}

/** What cannot be seen has not been shown to be absent. */
function unseen(): Finding {
  const message = "not every program of this machine can be seen from here, so that whatever lets others in may run unseen";
  return found("warning", "access.programs", message, "run as root, on the machine itself and in no container, or with --root");
}

function entranceFinding(machine: Machine, running: ReadonlySet<string>, { id, name, programs, files, mend }: Entrance): Finding[] {
  const program = programs.find((each) => running.has(each));
  if (program !== undefined) return [found("warning", id, `${program} runs: ${name}`, mend)];
  const file = files.find((each) => machine.exists(each));
  return file === undefined ? [] : [found("warning", id, `${file} is there: ${name}`, mend)];
}

/** User data and vendor data come from the control plane, which the host runs, and are obeyed at boot. */
function cloudInit(machine: Machine): Finding[] {
  const mend = "touch /etc/cloud/cloud-init.disabled";
  const given = ["user-data.txt", "vendor-data.txt", "vendor-data2.txt"].filter(
    (name) => machine.size(`/var/lib/cloud/instance/${name}`) > 0,
  );
  const disabled = machine.exists("/etc/cloud/cloud-init.disabled");
  const installed = machine.exists("/usr/bin/cloud-init");
  if (given.length > 0) {
    const when = disabled || !installed ? "was obeyed when this machine first started" : "is obeyed when this machine starts";
    return [found("warning", "access.cloud-init", `cloud-init has ${given.join(", ")}: what the control plane sends ${when}`, mend)];
  }
  if (!installed || disabled) return [];
  return [found("warning", "access.cloud-init", "cloud-init is on: it would obey user data of the control plane at the next start", mend)];
}

/** The host holds the other end of a serial line. */
function serialLogin(machine: Machine, running: ReadonlySet<string>): Finding[] {
  const id = "access.serial";
  const consoles = [...(machine.text("/proc/cmdline") ?? "").matchAll(/(?:^|\s)console=((?:ttyS|hvc|ttyAMA)\d+)/g)].map(
    ([, line]) => line!,
  );
  const wanted = machine.names(`${UNITS}/getty.target.wants`).filter((name) => name.startsWith("serial-getty@"));
  if (wanted.length === 0 && (consoles.length === 0 || !(running.has("agetty") || running.has("login")))) return [];
  const lines = wanted.length > 0 ? wanted.map((name) => name.slice("serial-getty@".length, -".service".length)) : consoles;
  const units = lines.map((line) => `serial-getty@${line}.service`).join(" ");
  return [found("warning", id, `there is a login on ${lines.join(", ")}, whose other end the host holds`, `systemctl mask --now ${units}`)];
}
