//go:build installed

package installed_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// The administrator's first day: nothing happens until a policy is set; then a
// node that is marked offline is enough (W1, W3, W5).
func TestRepair(t *testing.T) {
	c := newCluster(t)
	c.must(c.PowerOff(c.ctx, "node2"))
	c.do("gnt-node", "modify", "--offline=yes", "node2")
	c.watcher()
	c.untouched("without a policy")

	// A hook that may not be executed is none.
	c.do("gnt-cluster", "add-tags", prefix+"failover")
	c.do("chmod", "-x", c.Root(c.Master())+hook)
	c.watcher()
	c.untouched("with the hook switched off")
	c.do("chmod", "+x", c.Root(c.Master())+hook)

	c.watcher()
	for _, name := range []string{"db1", "web1", "web2"} {
		if tags := c.records(name); !strings.HasPrefix(tags, prefix+"pending:failover:") {
			t.Errorf("after one run of the watcher %s has tags %q", name, tags)
		}
	}
	c.watcher()
	for _, name := range []string{"db1", "web1", "web2"} {
		tags := c.records(name)
		if !strings.HasPrefix(tags, prefix+"result:failover:") || !strings.Contains(tags, ":success:") || strings.Contains(tags, " ") {
			t.Errorf("after two runs of the watcher %s has tags %q", name, tags)
		}
		status, err := c.InstanceStatus(c.ctx, name)
		c.must(err)
		if node := c.primary(name); node == "node2" || status != "running" {
			t.Errorf("%s is %s on %s", name, status, node)
		}
	}

	// The master has a log, and no other node.
	for _, node := range c.Nodes() {
		log, err := c.ReadFile(c.Root(node) + "/var/log/ganeti-autorepair/ganeti-autorepair.log")
		if master := node == c.Master(); master && (err != nil || strings.Count(string(log), "result=success") != 3) {
			t.Errorf("log of the master: %v\n%s", err, log)
		} else if !master && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("log of %s: %v\n%s", node, err, log)
		}
	}
}
