package vcluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
)

// InstanceSpec describes an instance to be created.
type InstanceSpec struct {
	Name     string
	Template string // Diskless if empty
	Node     string // the primary node; if empty, Ganeti's allocator chooses
	Memory   int    // MiB, 16 if zero
	Disk     int    // MiB, 16 if zero; without effect if diskless
	OS       string // OSNoop if empty
	Stopped  bool   // do not start it
	Tags     []string
}

// opcode returns the opcode that creates the instance, as gnt-instance add
// --no-nics --no-ip-check --no-name-check does.
func (s InstanceSpec) opcode() Opcode {
	op := Opcode{
		"OP_ID":         "OP_INSTANCE_CREATE",
		"mode":          "create",
		"instance_name": s.Name,
		"disk_template": s.Template,
		"disks":         []interface{}{},
		"nics":          []interface{}{},
		"os_type":       s.OS,
		"start":         !s.Stopped,
		"ip_check":      false,
		"name_check":    false,
		"beparams":      map[string]int{"memory": s.Memory},
		"tags":          append([]string{}, s.Tags...),
	}
	if s.Template == "" {
		op["disk_template"] = Diskless
	} else if s.Template != Diskless {
		disk := s.Disk
		if disk == 0 {
			disk = 16
		}
		op["disks"] = []interface{}{map[string]int{"size": disk}}
	}
	if s.OS == "" {
		op["os_type"] = OSNoop
	}
	if s.Memory == 0 {
		op["beparams"] = map[string]int{"memory": 16}
	}
	if s.Node != "" {
		op["pnode"] = s.Node
	} else {
		op["iallocator"] = "hail"
	}
	return op
}

// AddInstance creates an instance.
func (c *Cluster) AddInstance(ctx context.Context, spec InstanceSpec) error {
	return c.AddInstances(ctx, spec)
}

// AddInstances creates instances, by concurrent jobs.
func (c *Cluster) AddInstances(ctx context.Context, specs ...InstanceSpec) error {
	jobs := make([][]Opcode, len(specs))
	for i, s := range specs {
		jobs[i] = []Opcode{s.opcode()}
	}
	if _, err := c.RunJobs(ctx, jobs...); err != nil {
		return fmt.Errorf("add instances: %w", err)
	}
	return nil
}

// Instances returns the names of all instances, sorted.
func (c *Cluster) Instances(ctx context.Context) ([]string, error) {
	rows, err := c.Query(ctx, "instance", []string{"name"}, nil)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(rows))
	for i, row := range rows {
		if err := unpack(row, &names[i]); err != nil {
			return nil, err
		}
	}
	sort.Strings(names)
	return names, nil
}

// InstanceField decodes the value of a field of Ganeti's instance query, such
// as "status", "admin_state" or "pnode", into value.
func (c *Cluster) InstanceField(ctx context.Context, name, field string, value interface{}) error {
	return c.field(ctx, "instance", name, field, value)
}

// NodeField is InstanceField for nodes.
func (c *Cluster) NodeField(ctx context.Context, name, field string, value interface{}) error {
	return c.field(ctx, "node", name, field, value)
}

func (c *Cluster) field(ctx context.Context, kind, name, field string, value interface{}) error {
	rows, err := c.Query(ctx, kind, []string{field}, []interface{}{"=", "name", name})
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		return fmt.Errorf("vcluster: %d %ss are called %s", len(rows), kind, name)
	}
	return unpack(rows[0], value)
}

// InstanceStatus returns the instance's status: "running", "ADMIN_down",
// "ERROR_nodeoffline", ...
func (c *Cluster) InstanceStatus(ctx context.Context, name string) (string, error) {
	var status string
	err := c.InstanceField(ctx, name, "status", &status)
	return status, err
}

// InstanceTags returns the instance's tags, sorted.
func (c *Cluster) InstanceTags(ctx context.Context, name string) ([]string, error) {
	return c.Tags(ctx, "instance", name)
}

// Tags returns the tags of an object, sorted. The kinds are "instance", "node",
// "nodegroup" and "cluster"; the cluster's name is "".
func (c *Cluster) Tags(ctx context.Context, kind, name string) ([]string, error) {
	result, err := c.Call(ctx, "QueryTags", kind, name)
	if err != nil {
		return nil, err
	}
	var tags []string
	if err := json.Unmarshal(result, &tags); err != nil {
		return nil, fmt.Errorf("vcluster: tags of %s %s: %w", kind, name, err)
	}
	sort.Strings(tags)
	return tags, nil
}

// AddTags adds tags to an object, see Tags.
func (c *Cluster) AddTags(ctx context.Context, kind, name string, tags ...string) error {
	return c.runJob(ctx, tagOpcode("OP_TAGS_SET", kind, name, tags))
}

// RemoveTags removes tags, which must be there, from an object, see Tags.
func (c *Cluster) RemoveTags(ctx context.Context, kind, name string, tags ...string) error {
	return c.runJob(ctx, tagOpcode("OP_TAGS_DEL", kind, name, tags))
}

func tagOpcode(id, kind, name string, tags []string) Opcode {
	op := Opcode{"OP_ID": id, "kind": kind, "name": name, "tags": tags}
	if kind == "cluster" {
		op["name"] = nil
	}
	return op
}

// hypervisorDir returns where the fake hypervisor of the node has a file for
// each running instance.
func (c *Cluster) hypervisorDir(node string) string {
	return c.Root(node) + "/var/run/ganeti/fake-hypervisor"
}

// Running returns the names of the instances that the node's hypervisor runs,
// sorted, whatever Ganeti believes.
func (c *Cluster) Running(node string) ([]string, error) {
	p, err := c.privatePath(c.hypervisorDir(node))
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("vcluster: instances running on %s: %w", node, err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// CrashInstance ends a running instance on the node behind Ganeti's back.
func (c *Cluster) CrashInstance(node, name string) error {
	return c.RemoveFile(c.hypervisorDir(node) + "/" + name)
}
