package read

import (
	"context"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// Directory has the cluster, its groups, nodes and instances with their tags, and which
// instance is in which group.
type Directory struct {
	Cluster   tagstore.Object
	Groups    []tagstore.Object // by name
	Nodes     []string
	Instances []Listed // by name

	groups map[string]tagstore.Object // by the name of a node
}

// Listed is an instance in a Directory.
type Listed struct {
	tagstore.Object
	Primary     string
	Secondaries []string
}

// On reports whether the instance lives on the node.
func (l Listed) On(node string) bool {
	if l.Primary == node {
		return true
	}
	for _, name := range l.Secondaries {
		if name == node {
			return true
		}
	}
	return false
}

// ReadDirectory reads the cluster, the groups, the nodes and the instances that
// match the filter; nil matches all. No node is contacted unless the filter
// asks for what only nodes know. A filter of names alone is a look-up, which one
// unknown name fails, unless it is wrapped in luxi.And.
func ReadDirectory(ctx context.Context, c *luxi.Client, filter luxi.Filter) (*Directory, error) {
	d := &Directory{groups: map[string]tagstore.Object{}}
	r := &Reader{Client: c}
	s := &repair.Snapshot{Groups: map[string]*repair.Group{}, Nodes: map[string]*repair.Node{}}
	if err := r.readCluster(ctx, s); err != nil {
		return nil, err
	}
	if err := r.readGroups(ctx, s); err != nil {
		return nil, err
	}
	if err := r.readNodes(ctx, s); err != nil {
		return nil, err
	}
	d.addNodes(s)
	t, err := Query(ctx, c, luxi.ResInstance, []string{"name", "tags", "pnode", "snodes"}, filter)
	if err != nil {
		return nil, fmt.Errorf("reading instances: %w", err)
	}
	for row := range t.Rows {
		l := Listed{Object: tagstore.Object{Kind: luxi.TagInstance}}
		var tags []string
		var primary luxi.Value[string]
		var secondaries luxi.Value[[]string]
		if err := t.Scan(row, &l.Name, &tags, &primary, &secondaries); err != nil {
			return nil, fmt.Errorf("reading instances: %w", err)
		}
		l.Tags, l.Primary, l.Secondaries = tagstore.Parse(luxi.TagInstance, tags), primary.V, secondaries.V
		d.Instances = append(d.Instances, l)
	}
	return d, nil
}

// DirectoryOf returns the directory of a snapshot.
func DirectoryOf(s *repair.Snapshot) *Directory {
	d := &Directory{groups: map[string]tagstore.Object{}}
	d.addNodes(s)
	for _, i := range s.Instances {
		d.Instances = append(d.Instances, Listed{
			Object: tagstore.Object{Kind: luxi.TagInstance, Name: i.Name, Tags: i.Tags}, Primary: i.Primary, Secondaries: i.Secondaries,
		})
	}
	return d
}

// addNodes adds the cluster, the groups and the nodes of a snapshot.
func (d *Directory) addNodes(s *repair.Snapshot) {
	d.Cluster = tagstore.Object{Kind: luxi.TagCluster, Tags: s.Cluster.Tags}
	for _, g := range s.SortedGroups() {
		d.Groups = append(d.Groups, tagstore.Object{Kind: luxi.TagGroup, Name: g.Name, Tags: g.Tags})
	}
	for _, n := range s.Nodes {
		g := s.Groups[n.Group]
		d.Nodes = append(d.Nodes, n.Name)
		d.groups[n.Name] = tagstore.Object{Kind: luxi.TagGroup, Name: g.Name, Tags: g.Tags}
	}
	repair.NiceSort(d.Nodes)
}

// Policy is the policy for an object at a Unix time in seconds, and where it
// comes from.
func (d *Directory) Policy(o tagstore.Object, now int64) tagstore.Policy {
	objects := []tagstore.Object{o}
	if o.Kind == luxi.TagInstance {
		for _, l := range d.Instances {
			if l.Name == o.Name {
				if g, ok := d.groups[l.Primary]; ok {
					objects = append(objects, g)
				}
			}
		}
	}
	if o.Kind != luxi.TagCluster {
		objects = append(objects, d.Cluster)
	}
	return tagstore.EffectivePolicy(now, objects...)
}

// With returns the directory with every object as the function gives it.
func (d *Directory) With(as func(tagstore.Object) tagstore.Object) *Directory {
	then := &Directory{Cluster: as(d.Cluster), Nodes: d.Nodes, groups: make(map[string]tagstore.Object)}
	for _, g := range d.Groups {
		then.Groups = append(then.Groups, as(g))
	}
	for node, g := range d.groups {
		then.groups[node] = as(g)
	}
	for _, l := range d.Instances {
		l.Object = as(l.Object)
		then.Instances = append(then.Instances, l)
	}
	return then
}

// CommonGroup returns the name of the node group in which all of the instances live; ""
// if there is none.
func (d *Directory) CommonGroup(objects []tagstore.Object) string {
	wanted := make(map[string]bool, len(objects))
	for _, o := range objects {
		wanted[o.Name] = o.Kind == luxi.TagInstance
	}
	common := ""
	for _, l := range d.Instances {
		if !wanted[l.Name] {
			continue
		}
		g := d.groups[l.Primary].Name
		if g == "" || common != "" && g != common {
			return ""
		}
		common = g
	}
	return common
}

// Covers reports whether the instance is one of the objects, or below one of them.
func (d *Directory) Covers(objects []tagstore.Object, instance string) bool {
	group := ""
	for _, l := range d.Instances {
		if l.Name == instance {
			group = d.groups[l.Primary].Name
		}
	}
	for _, o := range objects {
		switch o.Kind {
		case luxi.TagCluster:
			return true
		case luxi.TagGroup:
			if group != "" && o.Name == group {
				return true
			}
		case luxi.TagInstance:
			if o.Name == instance {
				return true
			}
		}
	}
	return false
}

// Policies returns the policy of each instance, in their order.
func (d *Directory) Policies(now int64) []tagstore.Policy {
	list := make([]tagstore.Policy, len(d.Instances))
	for k, l := range d.Instances {
		objects := []tagstore.Object{l.Object}
		if g, ok := d.groups[l.Primary]; ok {
			objects = append(objects, g)
		}
		list[k] = tagstore.EffectivePolicy(now, append(objects, d.Cluster)...)
	}
	return list
}

// Apart lists the objects below one that permit repairs by tags of their own: what the
// tags of the object itself permit does not count for them.
func (d *Directory) Apart(o tagstore.Object, now int64) []tagstore.Object {
	var list []tagstore.Object
	permits := func(below tagstore.Object) {
		if p := tagstore.EffectivePolicy(now, below); p.Type != tagstore.None {
			list = append(list, below)
		}
	}
	if o.Kind == luxi.TagCluster {
		for _, g := range d.Groups {
			permits(g)
		}
	}
	for _, l := range d.Instances {
		if o.Kind == luxi.TagCluster || o.Kind == luxi.TagGroup && d.groups[l.Primary].Name == o.Name {
			permits(l.Object)
		}
	}
	return list
}
