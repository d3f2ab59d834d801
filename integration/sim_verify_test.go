//go:build cluster

package integration_test

import (
	"sort"
	"strings"
	"testing"
)

// gnt-cluster verify finds on simulated nodes what is wrong there, and nothing else
// (A1).
func TestVerifyCluster(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster
group default
node a mem=4096 disk=65536
node b mem=256 disk=65536
node c mem=4096 disk=65536
node gone mem=4096 disk=65536
instance web nodes=a,b template=drbd mem=128
instance broken nodes=a,c template=drbd
instance loc nodes=c template=plain
instance wrong nodes=a template=rbd
instance left nodes=gone template=plain state=down
`)
	found := func() string {
		t.Helper()
		r := w.run(w.Master(), "gnt-cluster", "verify", "--error-codes")
		set := make(map[string]bool)
		for _, line := range strings.Split(r.stdout+r.stderr, "\n") {
			_, text, ok := strings.Cut(line, "- ERROR:")
			if !ok {
				_, text, ok = strings.Cut(line, "- WARNING:")
			}
			if ok {
				words := strings.SplitN(text, ":", 4)
				set[words[0]+" "+words[2]] = true
			}
		}
		delete(set, "ENODESETUP node1") // /proc of a cluster in namespaces
		var list []string
		for word := range set {
			list = append(list, word)
		}
		sort.Strings(list)
		return strings.Join(list, ", ")
	}
	if got := found(); got != "" {
		t.Errorf("what is well: %s", got)
	}
	w.sim.LoseVolumes("c", "broken")
	w.sim.CrashInstance("loc")
	w.sim.SetMemory("b", 100)
	w.lostPower("gone")
	w.does(instanceOp("INSTANCE_RECREATE_DISKS", "left", map[string]interface{}{"nodes": []string{"c"}}))
	w.back("gone") // with the old volume
	w.does(instanceOp("INSTANCE_FAILOVER", "wrong", map[string]interface{}{"target_node": "c"}))
	w.sim.Unplug("c")
	w.must(w.Offline(w.ctx, "c"))
	w.maybe = func(incident string) bool { return strings.HasPrefix(incident, "wrong ") }
	w.does(instanceOp("INSTANCE_FAILOVER", "wrong", map[string]interface{}{"target_node": "a"}))
	w.must(w.sim.Plug("c"))
	w.must(w.Online(w.ctx, "c"))
	if got, want := found(), "EINSTANCEDOWN loc, EINSTANCEFAULTYDISK broken, EINSTANCEMISSINGDISK broken, EINSTANCEWRONGNODE wrong, ENODEN1 b, ENODEORPHANLV gone"; got != want {
		t.Errorf("found %s\nwant  %s", got, want)
	}
}
