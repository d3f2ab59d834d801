package simcluster

import (
	"context"
	"fmt"
	"strings"

	"ganeti-autorepair/integration/nodesim"
)

// Paths inside the cluster's namespaces.
const (
	standInDir = "/srv/sim"
	nodesFile  = standInDir + "/nodes" // names of the simulated nodes
	hostsFile  = "/srv/etc/hosts"      // is mounted over /etc/hosts
)

// standIn replaces ssh. Simulated nodes have no ssh daemon: for them every command
// succeeds, and one that asks for the host name prints it. gnt-node add needs that. For
// all other nodes it runs the real ssh.
const standIn = `#!/bin/bash
for word; do
  case $word in
    *@*) host=${word#*@}; break ;;
  esac
done
if ! grep -qxF -- "$host" ` + nodesFile + `; then
  exec ` + standInDir + `/ssh.real "$@"
fi
[ -t 0 ] || cat >/dev/null
case $* in
  *hostname*) echo "$host" ;;
esac
`

// makeStandIn mounts standIn over ssh.
func (c *Cluster) makeStandIn(ctx context.Context) error {
	if err := c.WriteFile(standInDir+"/ssh", []byte(standIn), 0o755); err != nil {
		return err
	}
	if err := c.WriteFile(nodesFile, nil, 0o644); err != nil {
		return err
	}
	_, err := c.Run(ctx, "", "sh", "-ec", `ssh=$(readlink -e "$(command -v ssh)")
cp "$ssh" `+standInDir+`/ssh.real
mount --bind `+standInDir+`/ssh "$ssh"`)
	return err
}

// nameNodes writes the names of the simulated nodes where the master and standIn look
// for them.
func (c *Cluster) nameNodes(nodes []nodesim.NodeSpec) error {
	var hosts, names strings.Builder
	hosts.Write(c.hosts)
	for _, n := range nodes {
		fmt.Fprintf(&hosts, "%s %s\n", n.Address, n.Name)
		fmt.Fprintln(&names, n.Name)
	}
	if err := c.overwrite(hostsFile, []byte(hosts.String())); err != nil {
		return err
	}
	return c.overwrite(nodesFile, []byte(names.String()))
}
