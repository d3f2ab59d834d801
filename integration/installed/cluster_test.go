//go:build installed

package installed_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/vcluster"
)

const (
	hook     = "/etc/ganeti/hooks/watcher/ganeti-autorepair"
	settings = "/etc/ganeti/autorepair.toml"
	prefix   = "ganeti:watcher:autorepair:"
)

// cluster is a virtual cluster on whose nodes the package is installed.
type cluster struct {
	*vcluster.Cluster
	t   *testing.T
	ctx context.Context
}

// newCluster starts a cluster with the instances db1, web1 and web2 on node2.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	t.Cleanup(cancel)
	// The examples are of a cluster as Ganeti makes it.
	vc, err := vcluster.Start(ctx, vcluster.Options{CandidatePool: 10})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{Cluster: vc, t: t, ctx: ctx}
	t.Cleanup(func() { c.must(vc.Close()) })
	for _, node := range c.Nodes() {
		for _, file := range []string{hook, settings} {
			data, err := os.ReadFile(file)
			c.must(err)
			info, err := os.Stat(file)
			c.must(err)
			c.must(c.WriteFile(c.Root(node)+file, data, info.Mode().Perm()))
		}
	}
	var specs []vcluster.InstanceSpec
	for _, name := range []string{"db1", "web1", "web2"} {
		specs = append(specs, vcluster.InstanceSpec{Name: name, Template: vcluster.SharedFile, Node: "node2"})
	}
	c.must(c.AddInstances(ctx, specs...))
	return c
}

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// do runs a command on the master and returns what it says.
func (c *cluster) do(args ...string) string {
	c.t.Helper()
	out, err := c.Run(c.ctx, c.Master(), args...)
	c.must(err)
	return out
}

// later lets the jobs end, and the next run of the watcher be one with a pass.
func (c *cluster) later() {
	c.t.Helper()
	c.must(c.WaitJobsDone(c.ctx))
	c.must(c.RemoveFile(c.Root(c.Master()) + "/var/run/ganeti-autorepair/last-pass"))
}

// watcher runs ganeti-watcher on every node, as cron does. No hook may fail.
func (c *cluster) watcher() {
	c.t.Helper()
	c.later()
	for _, node := range c.Nodes() {
		var offline bool
		c.must(c.NodeField(c.ctx, node, "offline", &offline))
		if offline {
			continue // it is dead
		}
		if out, err := c.Watcher(c.ctx, node); err != nil {
			c.t.Fatalf("watcher on %s: %v\n%s", node, err, out)
		}
		log, err := c.ReadFile(c.WatcherLog(node))
		c.must(err)
		for _, line := range strings.Split(string(log), "\n") {
			if strings.Contains(line, "ganeti-autorepair") && !strings.Contains(line, " INFO ") {
				c.t.Fatalf("the watcher on %s complains: %s", node, line)
			}
		}
	}
	c.must(c.WaitJobsDone(c.ctx))
}

// records are the tags of an instance.
func (c *cluster) records(instance string) string {
	c.t.Helper()
	tags, err := c.InstanceTags(c.ctx, instance)
	c.must(err)
	return strings.Join(tags, " ")
}

func (c *cluster) primary(instance string) string {
	c.t.Helper()
	var node string
	c.must(c.InstanceField(c.ctx, instance, "pnode", &node))
	return node
}

// untouched wants that no instance has moved or has a tag.
func (c *cluster) untouched(when string) {
	c.t.Helper()
	for _, name := range []string{"db1", "web1", "web2"} {
		if tags, node := c.records(name), c.primary(name); tags != "" || node != "node2" {
			c.t.Errorf("%s: %s is on %s with tags %q", when, name, node, tags)
		}
	}
}
