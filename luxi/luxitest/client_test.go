package luxitest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
)

// start serves a cluster of four nodes and several instances and returns a client.
func start(t *testing.T, clock luxitest.Clock) (*luxitest.Master, *luxi.Client) {
	t.Helper()
	text := "cluster c tags=x\nnode n1\nnode n2\nnode n3\nnode n4\n"
	for k := 0; k < 8; k++ {
		text += fmt.Sprintf("instance i%d template=rbd nodes=n%d tags=a,b\n", k, 1+k%4)
	}
	m, err := luxitest.New(luxitest.MustParse(text), luxitest.Options{
		Clock: clock, IdleTimeout: 1000 * time.Hour, // a busy machine pauses for long by the fast clock
	})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "lt")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(filepath.Join(dir, "s")); err != nil {
		t.Fatal(err)
	}
	client := luxi.New(m.Socket(), luxi.Options{Now: m.Now})
	t.Cleanup(func() {
		client.Close()
		m.Close()
		os.RemoveAll(dir)
	})
	return m, client
}

// The client library finds every answer well-formed.
func TestClientLibrary(t *testing.T) {
	m, client := start(t, luxitest.VirtualClock(time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)))
	ctx := context.Background()
	info, err := client.QueryClusterInfo(ctx)
	if err != nil || info.Name != "c" || info.Master != "n1" || len(info.Tags) != 1 || info.MaxRunningJobs != 20 {
		t.Errorf("%+v %v", info, err)
	}
	values, err := client.QueryConfigValues(ctx)
	if err != nil || values.MasterNode != "n1" || values.Drained {
		t.Errorf("%+v %v", values, err)
	}
	table, err := client.Query(ctx, luxi.ResInstance, []string{"name", "pnode", "snodes", "tags", "status"}, luxi.AnyOf("name", "i3", "nobody"))
	if err != nil || len(table.Rows) != 1 {
		t.Fatalf("%+v %v", table, err)
	}
	var name, pnode, status string
	var snodes, tags []string
	if err := table.Scan(0, &name, &pnode, &snodes, &tags, &status); err != nil || name != "i3" || pnode != "n4" || status != "running" {
		t.Errorf("%s %s %s %v", name, pnode, status, err)
	}
	id, err := client.SubmitJob(ctx, []luxi.OpCode{
		&luxi.InstanceMigrate{InstanceName: "i3", TargetNode: "n1"},
		&luxi.TagsDel{Kind: luxi.TagInstance, Name: "i3", Tags: []string{"missing"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := client.WaitForJob(ctx, id); err != nil || s != luxi.JobError {
		t.Errorf("%s %v", s, err)
	}
	jobs, err := client.QueryJobs(ctx, []luxi.JobID{id, 99})
	if err != nil || len(jobs) != 2 || !jobs[0].Known || jobs[1].Known {
		t.Fatalf("%+v %v", jobs, err)
	}
	ops := jobs[0].Ops
	if ops[0].Result.Err != nil || ops[1].Result.Err == nil || ops[1].Result.Err.Code != "unknown_entity" || ops[0].Param("instance_name") != "i3" {
		t.Errorf("%+v", ops)
	}
	if !jobs[0].Ended.Equal(m.Job(int64(id)).End) {
		t.Errorf("ended %v", jobs[0].Ended)
	}
}

// Many clients at once do each other no harm, under any clock.
func TestManyClients(t *testing.T) {
	for name, clock := range map[string]luxitest.Clock{
		"virtual": luxitest.VirtualClock(time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)),
		"fast":    luxitest.FastClock(1000),
	} {
		m, client := start(t, clock)
		var wg sync.WaitGroup
		for k := 0; k < 8; k++ {
			instance := fmt.Sprintf("i%d", k)
			wg.Add(1)
			go func() {
				defer wg.Done()
				for n := 0; n < 3; n++ {
					id, err := client.SubmitJob(context.Background(), []luxi.OpCode{&luxi.InstanceFailover{InstanceName: instance}})
					if err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
					if s, err := client.WaitForJob(context.Background(), id); err != nil || s != luxi.JobSuccess {
						t.Errorf("%s: %s %v %+v", name, s, err, m.Job(int64(id)))
					}
				}
			}()
		}
		wg.Wait()
		for _, i := range m.Snapshot().Instances {
			if len(i.RunsOn) != 1 || !i.Running() || i.Data.Generation != 1 {
				t.Errorf("%s: %+v", name, i)
			}
		}
	}
}
