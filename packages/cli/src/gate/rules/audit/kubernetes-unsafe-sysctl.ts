import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kubernetes-unsafe-sysctl",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "A pod sets a sysctl that nodes forbid by default",
    rationale:
      "Kubernetes calls few settings safe; net.core.somaxconn and net.ipv4.tcp_tw_reuse are not among them. A node that was not told to allow one rejects the pod (SysctlForbidden).",
    sources: ["https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/"],
    fix: "Start the kubelets with --allowed-unsafe-sysctls for these names, on nodes of their own.",
    needs: ["static"],
  },
  check(context) {
    const safe = new Set([
      "kernel.shm_rmid_forced",
      ...["ip_local_port_range", "tcp_syncookies", "ping_group_range", "ip_unprivileged_port_start"].map(
        (name) => `net.ipv4.${name}`,
      ),
      ...["ip_local_reserved_ports", "tcp_keepalive_time", "tcp_fin_timeout", "tcp_keepalive_intvl"].map(
        (name) => `net.ipv4.${name}`,
      ),
      ...["tcp_keepalive_probes", "tcp_rmem", "tcp_wmem"].map((name) => `net.ipv4.${name}`),
    ]);
    for (const server of serversOf(context, "kubernetes")) {
      for (const { name } of server.facts) {
        const setting = name.startsWith("sysctl.") ? name.slice("sysctl.".length) : undefined;
        // Those of the machine have a rule of their own.
        if (setting === undefined || safe.has(setting) || /^(?:vm|fs)\./.test(setting)) continue;
        context.report({
          ...server.at(name),
          message: `${server.name}: ${setting} is unsafe to Kubernetes: a node that does not allow it rejects the pod`,
        });
      }
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kubernetes", { "sysctl.net.ipv4.ip_local_port_range": "32768 60999" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kubernetes", { "sysctl.net.core.somaxconn": "4096" }),
        errors: [{ path: "files.kubernetes.0" }],
      },
    ],
  },
});
