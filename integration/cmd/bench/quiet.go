package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// describe is a cluster of drbd instances where everything is well, but for the
// first nodes, which are lost.
func describe(nodes, instances, lost int, tags string) string {
	var t strings.Builder
	t.WriteString("cluster cluster " + tags + "\ngroup default\n")
	for n := 0; n < nodes; n++ {
		fmt.Fprintf(&t, "node n%d mem=1048576 disk=16777216", n)
		if n < lost {
			t.WriteString(" offline dead")
		}
		t.WriteString("\n")
	}
	for k := 0; k < instances; k++ {
		fmt.Fprintf(&t, "instance i%d nodes=n%d,n%d template=drbd\n", k, k%nodes, (k+1+k/nodes%(nodes-1))%nodes)
	}
	return t.String()
}

// bareQueries are the least that tells whether anything is to be done: what a quiet
// pass asks for. Of the answers nothing is made.
func bareQueries(ctx context.Context, socket string) error {
	client := luxi.New(socket, luxi.Options{})
	defer client.Close()
	unfinished := luxi.UnfinishedJobs()
	for _, call := range []struct {
		method string
		args   []any
	}{
		{"QueryConfigValues", []any{[]string{"cluster_name", "master_node", "drain_flag", "watcher_pause"}}},
		{"Query", []any{luxi.ResJob, []string{"id", "status", "ops"}, unfinished}},
		{"QueryClusterInfo", nil},
		{"Query", []any{luxi.ResGroup, []string{"uuid", "name", "tags"}, nil}},
		{"Query", []any{luxi.ResNode, []string{"name", "uuid", "group.uuid", "offline", "drained", "vm_capable"}, nil}},
		{"Query", []any{luxi.ResInstance, []string{"uuid", "name", "tags"}, nil}},
	} {
		if err := client.Call(ctx, call.method, call.args, nil); err != nil {
			return err
		}
	}
	return nil
}

// allPlaces asks where every instance is.
func allPlaces(ctx context.Context, socket string) error {
	client := luxi.New(socket, luxi.Options{CallTimeout: 5 * time.Minute})
	defer client.Close()
	fields := []string{"uuid", "name", "tags", "pnode", "snodes", "disk_template", "admin_state", "forthcoming"}
	return client.Call(ctx, "Query", []any{luxi.ResInstance, fields, nil}, nil)
}

// oneNodeLost measures a pass that has to look at what is on a single node, of which
// nothing may be repaired.
func (b *bench) oneNodeLost(name string) error {
	if err := b.c.Load(b.ctx, describe(200, 10000, 1, "")); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := b.measure(name, "the place of all instances, a bare query", 1, b.c.Master(), self, "-places", b.c.SocketInside()); err != nil {
		return err
	}
	return b.measure(name, "ganeti-autorepair", b.runs, b.c.Master(), b.program, "run")
}

// quiet measures a pass that finds nothing to do.
func (b *bench) quiet(name string, nodes, instances int, real bool) error {
	if err := b.c.Load(b.ctx, describe(nodes, instances, 0, "tags="+tagstore.Prefix+"failover")); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := bareQueries(b.ctx, b.c.Socket()); err != nil { // warm
		return err
	}
	if err := b.measure(name, "bare queries", b.runs, b.c.Master(), self, "-floor", b.c.SocketInside()); err != nil {
		return err
	}
	if err := b.measure(name, "entering the cluster", b.runs, b.c.Master(), "true"); err != nil {
		return err
	}
	if err := b.measure(name, "ganeti-autorepair", b.runs, b.c.Master(), b.program, "run"); err != nil {
		return err
	}
	harep := []string{"harep", "-L" + b.c.SocketInside()}
	who := "harep"
	if !real {
		harep, who = append(harep, "--dry-run"), "harep --dry-run"
	}
	if err := b.mayFail(name, who, harep); err != nil {
		return err
	}
	if _, err := os.Stat(authorities); err != nil {
		return nil
	}
	// What a call to a node costs depends on how many of these the master has.
	if _, err := b.c.Run(b.ctx, "", "mount", "-t", "tmpfs", "vcluster", authorities); err != nil {
		return err
	}
	if err := b.mayFail(name, who+", no certificates of authorities", harep); err != nil {
		return err
	}
	_, err = b.c.Run(b.ctx, "", "umount", authorities)
	return err
}

// authorities holds the certificates of public authorities (vcluster.Options).
const authorities = "/etc/ssl/certs"

// mayFail measures, once, what may get no answers beside very many simulated nodes on
// few processors.
func (b *bench) mayFail(name, who string, args []string) error {
	began := time.Now()
	err := b.measure(name, who, 1, b.c.Master(), args...)
	if err == nil || b.ctx.Err() != nil {
		return err
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > 100 {
		text = "..." + text[len(text)-100:]
	}
	b.rows = append(b.rows, Row{Case: name, Who: who, Note: fmt.Sprintf("failed after %.1f s: %s", time.Since(began).Seconds(), text)})
	return nil
}

// elsewhere measures the hook on a node that is not the master.
func (b *bench) elsewhere(name string) error {
	if err := b.measure(name, "entering the cluster", b.runs, b.c.Master(), "true"); err != nil {
		return err
	}
	return b.measure(name, "ganeti-autorepair", b.runs, b.c.Master(), "env", "GANETI_HOSTNAME=other", b.program, "run", "--from-watcher")
}
