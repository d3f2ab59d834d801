package luxi_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"ganeti-autorepair/luxi"
)

// exampleCluster starts a server that plays luxid for the examples, and
// returns its socket and a function to stop it.
func exampleCluster() (string, func()) {
	changes := []string{"queued", "running", "success"}
	s, err := newServer(func(r *request) {
		switch r.Method {
		case "QueryClusterInfo":
			r.ok(`{"name":"cluster.example.com","uuid":"u","master":"node1.example.com","tags":[],"software_version":"3.0.2"}`)
		case "Query":
			if string(r.Args[0]) == `"job"` {
				r.ok(jobTable(true, mutate(5, `[0,[["OpPrereqError",["not enough memory","insufficient_resources"]]]]`), unknownRow(99)))
				return
			}
			r.ok(`{"fields":` + columns("name", "tags", "oper_ram") + `,"data":[
				[[0,"instance1"],[0,["web"]],[0,512]],
				[[0,"instance2"],[0,[]],[4,null]]]}`)
		case "SubmitJob":
			r.ok("1234")
		case "SubmitManyJobs":
			r.ok(`[[true,1235],[true,1236]]`)
		case "WaitForJobChange":
			r.ok(`[["` + changes[0] + `"],[]]`)
			if len(changes) > 1 {
				changes = changes[1:]
			}
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	return s.path, s.stop
}

func Example() {
	socket, stop := exampleCluster() // luxi.DefaultSocket on a master node
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c := luxi.New(socket, luxi.Options{})
	defer c.Close()

	info, err := c.QueryClusterInfo(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, Ganeti %s\n", info.Name, info.SoftwareVersion)

	id, err := c.SubmitJob(ctx, []luxi.OpCode{
		&luxi.InstanceStartup{
			Common:       luxi.Common{Reason: []luxi.ReasonEntry{{Source: "example", Text: "it was down"}}},
			InstanceName: "instance1",
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	status, err := c.WaitForJob(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("job %d: %s\n", id, status)
	// Output:
	// cluster.example.com, Ganeti 3.0.2
	// job 1234: success
}

// A field that has no value is told apart from an empty one.
func ExampleClient_Query() {
	socket, stop := exampleCluster()
	defer stop()
	c := luxi.New(socket, luxi.Options{})
	defer c.Close()

	table, err := c.Query(context.Background(), luxi.ResInstance, []string{"name", "tags", "oper_ram"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for row := range table.Rows {
		var name string
		var tags []string
		var ram luxi.Value[int]
		if err := table.Scan(row, &name, &tags, &ram); err != nil {
			log.Fatal(err)
		}
		if mib, ok := ram.Get(); ok {
			fmt.Println(name, tags, mib, "MiB")
		} else {
			fmt.Println(name, tags, "memory:", ram.Status)
		}
	}
	// Output:
	// instance1 [web] 512 MiB
	// instance2 [] memory: node offline
}

// Jobs of one call may depend on each other by their distance.
func ExampleClient_SubmitManyJobs() {
	socket, stop := exampleCluster()
	defer stop()
	c := luxi.New(socket, luxi.Options{})
	defer c.Close()

	jobs, err := c.SubmitManyJobs(context.Background(), [][]luxi.OpCode{
		{&luxi.TagsSet{Kind: luxi.TagInstance, Name: "instance1", Tags: []string{"moving"}}},
		{&luxi.InstanceFailover{
			Common: luxi.Common{
				// Runs only if the tag was set.
				Depends: []luxi.Depend{{Job: -1, On: []luxi.JobStatus{luxi.JobSuccess}}},
			},
			InstanceName: "instance1",
		}},
	})
	switch {
	case luxi.OutcomeUnknown(err):
		log.Fatal("look for the jobs before trying again: ", err)
	case errors.Is(err, luxi.ErrQueueDrained):
		log.Fatal("not now: ", err)
	case err != nil:
		log.Fatal(err)
	}
	for _, j := range jobs {
		if j.Err != nil {
			log.Fatal(j.Err)
		}
		fmt.Println(j.ID)
	}
	// Output:
	// 1235
	// 1236
}

// The end of a job tells why it failed; an id may be unknown.
func ExampleClient_QueryJobs() {
	socket, stop := exampleCluster()
	defer stop()
	c := luxi.New(socket, luxi.Options{})
	defer c.Close()

	jobs, err := c.QueryJobs(context.Background(), []luxi.JobID{7, 99})
	if err != nil {
		log.Fatal(err)
	}
	for _, j := range jobs {
		if !j.Known {
			fmt.Println(j.ID, "is not in the queue")
			continue
		}
		for _, op := range j.Ops {
			if e := op.Result.Err; e != nil && e.Code == luxi.ECodeNoRes {
				fmt.Println(j.ID, op.ID, "found no room:", e.Message)
			}
		}
	}
	// Output:
	// 7 OP_X found no room: not enough memory
	// 99 is not in the queue
}
