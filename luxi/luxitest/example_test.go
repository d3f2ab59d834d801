package luxitest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
)

// A client fails an instance over and waits for the job; under the virtual clock that takes no time.
func Example() {
	cluster := luxitest.MustParse(`
		node node1
		node node2 offline dead
		node node3 drained
		instance web1 template=sharedfile nodes=node2
	`)
	m, err := luxitest.New(cluster, luxitest.Options{
		Clock: luxitest.VirtualClock(time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)),
	})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "ex")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := m.Start(filepath.Join(dir, "socket")); err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	client := luxi.New(m.Socket(), luxi.Options{Now: m.Now})
	defer client.Close()
	ctx := context.Background()
	id, err := client.SubmitJob(ctx, []luxi.OpCode{&luxi.InstanceFailover{InstanceName: "web1"}})
	if err != nil {
		log.Fatal(err)
	}
	status, err := client.WaitForJob(ctx, id)
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(status, m.Snapshot().Instance("web1").Primary)
	fmt.Print(m.LogText(luxitest.LogSubmit, luxitest.LogEffect, luxitest.LogEnd))
	// Output:
	// success node1
	//     0.000 submit job 1: INSTANCE_FAILOVER(web1)
	//     5.200 effect instance web1: primary node2 -> node1
	//    10.200 effect instance web1: started on node1
	//    10.200 end    job 1: success
}
