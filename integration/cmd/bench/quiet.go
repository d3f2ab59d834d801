package main

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
)

// describe is a cluster of drbd instances where everything is well.
func describe(nodes, instances int) string {
	var t strings.Builder
	t.WriteString("cluster cluster tags=ganeti:watcher:autorepair:failover\ngroup default\n")
	for n := 0; n < nodes; n++ {
		fmt.Fprintf(&t, "node n%d mem=1048576 disk=16777216\n", n)
	}
	for k := 0; k < instances; k++ {
		fmt.Fprintf(&t, "instance i%d nodes=n%d,n%d template=drbd\n", k, k%nodes, (k+1+k/nodes%(nodes-1))%nodes)
	}
	return t.String()
}

// floorQueries are the least that tells whether anything is to be done.
func floorQueries(b *bench) error {
	client := luxi.New(b.c.Socket(), luxi.Options{})
	defer client.Close()
	if _, err := client.QueryClusterInfo(b.ctx); err != nil {
		return err
	}
	if _, err := client.ListJobs(b.ctx, luxi.UnfinishedJobs(), false); err != nil {
		return err
	}
	for _, q := range []struct {
		what   luxi.Resource
		fields []string
	}{
		{luxi.ResGroup, []string{"uuid", "name", "tags"}},
		{luxi.ResNode, []string{"name", "uuid", "group.uuid", "offline", "drained", "vm_capable"}},
		{luxi.ResInstance, []string{"uuid", "name", "tags"}},
	} {
		if _, err := client.Query(b.ctx, q.what, q.fields, nil); err != nil {
			return err
		}
	}
	return nil
}

// quiet measures a pass that finds nothing to do.
func (b *bench) quiet(name string, nodes, instances int, real bool) error {
	if err := b.c.Load(b.ctx, describe(nodes, instances)); err != nil {
		return err
	}
	if err := floorQueries(b); err != nil { // warm
		return err
	}
	floor := Row{Case: name, Who: "bare queries"}
	for n := 0; n < b.runs; n++ {
		began := time.Now()
		if err := floorQueries(b); err != nil {
			return err
		}
		floor.Wall = append(floor.Wall, time.Since(began).Seconds())
	}
	b.add(floor)
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
	return b.measure(name, who, 1, b.c.Master(), harep...)
}

// elsewhere measures the hook on a node that is not the master.
func (b *bench) elsewhere(name string) error {
	if err := b.measure(name, "entering the cluster", b.runs, b.c.Master(), "true"); err != nil {
		return err
	}
	return b.measure(name, "ganeti-autorepair", b.runs, b.c.Master(), "env", "GANETI_HOSTNAME=other", b.program, "run", "--from-watcher")
}
