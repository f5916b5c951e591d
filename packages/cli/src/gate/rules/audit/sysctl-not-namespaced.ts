import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/sysctl-not-namespaced",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "A container sets a kernel setting that is the machine's",
    rationale:
      "Only settings with a namespace of their own can be set for a container: net.* and a few of kernel.* and fs.mqueue.*. vm.* and fs.* belong to the machine, and the container does not start.",
    sources: [
      "https://docs.docker.com/reference/cli/docker/container/run/#sysctl",
      "https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/",
    ],
    fix: "Set it on the machine (a DaemonSet, the image of the node), and remove it here.",
    needs: ["static"],
  },
  check(context) {
    const own =
      /^(?:net\.|fs\.mqueue\.|kernel\.(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|domainname|hostname)$)/;
    for (const subject of ["compose", "kubernetes"]) {
      for (const server of serversOf(context, subject)) {
        for (const { name } of server.facts) {
          const setting = name.startsWith("sysctl.") ? name.slice("sysctl.".length) : undefined;
          if (setting === undefined || own.test(setting)) continue;
          context.report({
            ...server.at(name),
            message: `${server.name}: ${setting} is the machine's, and cannot be set for a container`,
          });
        }
      }
    }
  },
  tests: {
    valid: [
      { code: "extends: snowshed:recommended", facts: factsOf("compose", { "sysctl.net.core.somaxconn": "4096" }) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("compose", { "sysctl.vm.swappiness": "1" }),
        errors: [{ path: "files.compose.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kubernetes", { "sysctl.fs.file-max": "2097152" }),
        errors: [{ path: "files.kubernetes.0" }],
      },
    ],
  },
});
