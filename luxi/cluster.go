package luxi

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// ClusterInfo is the part of QueryClusterInfo's answer that this package
// decodes (handleCall in src/Ganeti/Query/Server.hs). Name, UUID, Master and
// Tags are always there; a key that luxid leaves out or sets to null leaves
// the zero value in any other field.
type ClusterInfo struct {
	Name            string   `json:"name"`             // Name is the cluster's name.
	UUID            string   `json:"uuid"`             // UUID is the cluster's UUID.
	Master          string   `json:"master"`           // Master is the name of the master node.
	Tags            []string `json:"tags"`             // Tags are the cluster's own tags.
	SoftwareVersion string   `json:"software_version"` // SoftwareVersion is Ganeti's, for example 3.0.2.

	// EnabledDiskTemplates are the disk templates instances may have, the default
	// one first.
	EnabledDiskTemplates []string `json:"enabled_disk_templates"`
	// VolumeGroup is the name of the nodes' volume group, empty if LVM is not used.
	VolumeGroup string `json:"volume_group_name"`
	// EnabledHypervisors are the hypervisors in use, the default one first.
	EnabledHypervisors []string `json:"enabled_hypervisors"`

	// DefaultIAllocator is the allocator that "." stands for, empty if there
	// is none.
	DefaultIAllocator string `json:"default_iallocator"`
	// DefaultIAllocatorParams is a JSON object of options for every allocator
	// run, nil if luxid sent none.
	DefaultIAllocatorParams json.RawMessage `json:"default_iallocator_params"`

	// CandidatePoolSize is how many master candidates there should be, if so many nodes can
	// be that.
	CandidatePoolSize int `json:"candidate_pool_size"`

	MaxRunningJobs int `json:"max_running_jobs"` // MaxRunningJobs is how many jobs may have a process.
	MaxTrackedJobs int `json:"max_tracked_jobs"` // MaxTrackedJobs is how many running jobs luxid watches.

	// MaintainNodeHealth reports whether the watcher shuts down what it finds on
	// an offline node.
	MaintainNodeHealth bool `json:"maintain_node_health"`

	// PreallocWipeDisks reports whether new disks are overwritten before they are used.
	PreallocWipeDisks bool `json:"prealloc_wipe_disks"`
}

// QueryClusterInfo returns facts about the cluster.
func (c *Client) QueryClusterInfo(ctx context.Context) (*ClusterInfo, error) {
	const method = "QueryClusterInfo"
	var info *ClusterInfo
	err := c.call(ctx, method, nil, 0, func(raw json.RawMessage) error {
		got, err := parseClusterInfo(raw)
		if err != nil {
			return &ProtocolError{Method: method, Problem: err.Error()}
		}
		info = got
		return nil
	})
	return info, err
}

func parseClusterInfo(raw json.RawMessage) (*ClusterInfo, error) {
	m, err := object(raw)
	if err != nil {
		return nil, err
	}
	info := new(ClusterInfo)
	for _, f := range []struct {
		key      string
		dst      any
		required bool
	}{
		{"name", &info.Name, true},
		{"uuid", &info.UUID, true},
		{"master", &info.Master, true},
		{"tags", &info.Tags, true},
		{"software_version", &info.SoftwareVersion, false},
		{"enabled_disk_templates", &info.EnabledDiskTemplates, false},
		{"volume_group_name", &info.VolumeGroup, false},
		{"enabled_hypervisors", &info.EnabledHypervisors, false},
		{"default_iallocator", &info.DefaultIAllocator, false},
		{"default_iallocator_params", &info.DefaultIAllocatorParams, false},
		{"candidate_pool_size", &info.CandidatePoolSize, false},
		{"max_running_jobs", &info.MaxRunningJobs, false},
		{"max_tracked_jobs", &info.MaxTrackedJobs, false},
		{"maintain_node_health", &info.MaintainNodeHealth, false},
		{"prealloc_wipe_disks", &info.PreallocWipeDisks, false},
	} {
		v, ok := m[f.key]
		if !ok && f.required {
			return nil, fmt.Errorf("no key %q", f.key)
		}
		if !ok || !f.required && string(v) == "null" {
			continue
		}
		if err := decode(v, f.dst); err != nil {
			return nil, fmt.Errorf("%s: %w", f.key, err)
		}
	}
	if info.Name == "" || info.UUID == "" || info.Master == "" {
		return nil, fmt.Errorf("name, uuid or master is empty")
	}
	return info, nil
}

// ConfigValues are the answers of QueryConfigValues.
type ConfigValues struct {
	ClusterName string // ClusterName is the cluster's name.
	MasterNode  string // MasterNode is the name of the master node.
	Drained     bool   // Drained reports whether the job queue refuses submissions.
	// WatcherPause is until when the watcher is paused (gnt-cluster watcher
	// pause), the zero time if it is not.
	WatcherPause time.Time
}

// QueryConfigValues returns the few cluster-wide values that change in daily
// life. It is the cheapest call there is, fit to find out whether luxid
// answers.
func (c *Client) QueryConfigValues(ctx context.Context) (*ConfigValues, error) {
	const method = "QueryConfigValues"
	names := []string{"cluster_name", "master_node", "drain_flag", "watcher_pause"}
	var v *ConfigValues
	err := c.call(ctx, method, []any{names}, 0, func(raw json.RawMessage) error {
		got, err := parseConfigValues(raw)
		if err != nil {
			return &ProtocolError{Method: method, Problem: err.Error()}
		}
		v = got
		return nil
	})
	return v, err
}

func parseConfigValues(raw json.RawMessage) (*ConfigValues, error) {
	var values [4]json.RawMessage
	if err := decode(raw, &values); err != nil {
		return nil, err
	}
	v := new(ConfigValues)
	if err := decode(values[0], &v.ClusterName); err != nil {
		return nil, fmt.Errorf("cluster_name: %w", err)
	}
	if err := decode(values[1], &v.MasterNode); err != nil {
		return nil, fmt.Errorf("master_node: %w", err)
	}
	if err := decode(values[2], &v.Drained); err != nil {
		return nil, fmt.Errorf("drain_flag: %w", err)
	}
	var pause *float64
	if err := decode(values[3], &pause); err != nil {
		return nil, fmt.Errorf("watcher_pause: %w", err)
	}
	if pause != nil {
		sec, frac := math.Modf(*pause)
		if math.Abs(sec) > math.MaxInt32*1000 {
			return nil, fmt.Errorf("watcher_pause: %v is not a time", *pause)
		}
		v.WatcherPause = time.Unix(int64(sec), int64(frac*1e9)).UTC()
	}
	return v, nil
}

// TagKind is a kind of object that has tags (TAG_* in lib/constants.py).
type TagKind string

// The kinds of objects that have tags.
const (
	TagCluster  TagKind = "cluster"   // TagCluster: the cluster itself
	TagNode     TagKind = "node"      // TagNode: a node
	TagGroup    TagKind = "nodegroup" // TagGroup: a node group
	TagInstance TagKind = "instance"  // TagInstance: an instance
	TagNetwork  TagKind = "network"   // TagNetwork: a network
)

// QueryTags returns the tags of one object, in no particular order. The name
// is ignored for the cluster. An object that does not exist is an Error that
// matches ErrUnknownEntity.
func (c *Client) QueryTags(ctx context.Context, kind TagKind, name string) ([]string, error) {
	if kind == TagCluster {
		name = ""
	}
	var tags []string
	if err := c.Call(ctx, "QueryTags", []any{kind, name}, &tags); err != nil {
		return nil, err
	}
	return tags, nil
}

// SetDrainFlag makes the job queue refuse submissions, or accept them again
// (gnt-cluster queue drain and undrain). Queued jobs go on either way.
//
// luxid never answers a request to clear a flag that is not set, as its handler
// crashes over the flag file that is not there (SetDrainFlag in
// src/Ganeti/Query/Server.hs). So the flag is looked at first.
func (c *Client) SetDrainFlag(ctx context.Context, drained bool) error {
	if !drained {
		v, err := c.QueryConfigValues(ctx)
		if err != nil {
			return err
		}
		if !v.Drained {
			return nil
		}
	}
	var done bool
	return c.Call(ctx, "SetDrainFlag", []any{drained}, &done)
}
