package report

import (
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// ClusterView is what has to be known of the cluster before its instances are looked at.
type ClusterView struct {
	Nodes     int              `json:"nodes"`
	Offline   []string         `json:"offline_nodes"`
	Drained   []string         `json:"drained_nodes"` // those that are not offline
	Suspended []SuspensionView `json:"suspensions"`   // of the cluster and of node groups
	Silent    []string         `json:"-"`             // those that are not offline and do not answer, as far as is known
	CutOff    bool             `json:"-"`             // so many are silent that the master may be cut off
}

// SuspensionView is a suspension of the cluster or of a node group.
type SuspensionView struct {
	Object string `json:"object"`
	Until  int64  `json:"suspended_until,omitempty"` // Unix time in seconds; missing if it has no end
	Tag    string `json:"tag"`
}

// ClusterOf returns the view of the cluster.
func ClusterOf(s *repair.Snapshot) ClusterView {
	v := ClusterView{Nodes: len(s.Nodes), Offline: []string{}, Drained: []string{}, Silent: []string{}, Suspended: []SuspensionView{}}
	_, _, v.CutOff = s.CutOff()
	for _, n := range s.SilentNodes() {
		v.Silent = append(v.Silent, n.Name)
	}
	for _, name := range s.BrokenNodes() {
		if s.Nodes[name].Offline {
			v.Offline = append(v.Offline, name)
		} else {
			v.Drained = append(v.Drained, name)
		}
	}
	objects := []tagstore.Object{{Kind: luxi.TagCluster, Tags: s.Cluster.Tags}}
	for _, g := range s.SortedGroups() {
		objects = append(objects, tagstore.Object{Kind: luxi.TagGroup, Name: g.Name, Tags: g.Tags})
	}
	for _, o := range objects {
		if p := tagstore.EffectivePolicy(s.Time.Unix(), o); p.Suspended {
			v.Suspended = append(v.Suspended, SuspensionView{Object: o.String(), Until: p.Until, Tag: p.Tag})
		}
	}
	return v
}
