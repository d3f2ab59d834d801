//go:build lifecycle

package lifecycle_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/vcluster"
)

// upgradeWithRepairs upgrades the package while repairs of a virtual cluster are
// pending. They go on, with what was permitted, and nothing else begins.
func upgradeWithRepairs(t *testing.T, upgrade func()) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := vcluster.Start(ctx, vcluster.Options{})
	must(err)
	defer func() { must(c.Close()) }()
	copyHook := func() {
		for _, file := range []string{hook, settings} {
			for _, node := range c.Nodes() {
				must(c.WriteFile(c.Root(node)+file, []byte(read(t, file)), mode(t, file)))
			}
		}
	}
	pass := func() {
		must(c.WaitJobsDone(ctx))
		_ = c.RemoveFile(c.Root(c.Master()) + stamp)
		if out, err := c.Watcher(ctx, c.Master()); err != nil {
			t.Fatalf("watcher: %v\n%s", err, out)
		}
		must(c.WaitJobsDone(ctx))
	}
	tags := func(instance string) string {
		list, err := c.InstanceTags(ctx, instance)
		must(err)
		return strings.Join(list, " ")
	}
	node := func(instance string) string {
		var name string
		must(c.InstanceField(ctx, instance, "pnode", &name))
		return name
	}
	const prefix = "ganeti:watcher:autorepair:"

	copyHook()
	var specs []vcluster.InstanceSpec
	for _, instance := range []string{"db1", "web1", "web2"} {
		specs = append(specs, vcluster.InstanceSpec{Name: instance, Template: vcluster.SharedFile, Node: "node2"})
	}
	must(c.AddInstances(ctx, specs...))
	must(c.AddTags(ctx, "cluster", "", prefix+"failover"))
	must(c.AddTags(ctx, "instance", "db1", prefix+"suspend"))
	must(c.PowerOff(ctx, "node2"))
	_, err = c.Run(ctx, c.Master(), "gnt-node", "modify", "--offline=yes", "node2")
	must(err)
	pass()
	pending := make(map[string]string)
	for _, instance := range []string{"web1", "web2"} {
		pending[instance] = tags(instance)
		if !strings.HasPrefix(pending[instance], prefix+"pending:failover:") {
			t.Fatalf("before the upgrade %s has tags %q", instance, pending[instance])
		}
	}

	must(os.WriteFile(settings, append([]byte(read(t, settings)), "max_running = 3\n"...), 0o644))
	upgrade()
	copyHook()
	if text := read(t, settings); !strings.HasSuffix(text, "max_running = 3\n") {
		t.Errorf("the settings were changed to\n%s", text)
	}

	pass()
	for instance, was := range pending {
		id := strings.Split(was, ":")[5]
		if got := tags(instance); !strings.HasPrefix(got, prefix+"result:failover:"+id+":") || !strings.Contains(got, ":success:") || strings.Contains(got, " ") {
			t.Errorf("after the upgrade %s has tags %q, and had %q", instance, got, was)
		}
		if got := node(instance); got == "node2" {
			t.Errorf("%s is still on node2", instance)
		}
	}
	if got := tags("db1"); got != prefix+"suspend" || node("db1") != "node2" {
		t.Errorf("db1, which is suspended, has tags %q on %s", got, node("db1"))
	}
	list, err := c.Tags(ctx, "cluster", "")
	must(err)
	if got := strings.Join(list, " "); got != prefix+"failover" {
		t.Errorf("the cluster has tags %q", got)
	}
}
