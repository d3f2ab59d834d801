package tagstore

import "ganeti-autorepair/luxi"

// Object is something that has tags of auto-repair: an instance, a node group, the
// cluster or a node.
type Object struct {
	Kind luxi.TagKind
	Name string // empty for the cluster
	Tags Tags
}

// String returns the object as messages name it: "instance web1", "group rack1",
// "node n5", "cluster".
func (o Object) String() string {
	switch o.Kind {
	case luxi.TagCluster:
		return "cluster"
	case luxi.TagGroup:
		return "group " + o.Name
	}
	return string(o.Kind) + " " + o.Name
}

// Policy is what may be done to an instance without asking again, and which tag
// says so.
type Policy struct {
	Type       Type   // the strongest repair permitted; None if none is, or while suspended
	Suspended  bool   // no repair may begin or go on
	Until      int64  // Unix time in seconds at which the suspension ends; 0 if it has no end
	Unreadable bool   // the tag that decided cannot be read: nothing is permitted until a person looks (T10)
	Origin     string // the object that decided, as Object.String; empty if no object has an opinion
	Tag        string // the tag that decided
}

// EffectivePolicy returns the policy for an instance at a Unix time in seconds.
// The objects come nearest first: the instance, the node group of its primary
// node, the cluster. The first with an opinion decides (T2, T3): a suspension, a
// tag that permits a type of repair, or one that cannot be read (T10). The
// permission to mark nodes offline is no opinion about instances (T12).
func EffectivePolicy(now int64, nearestFirst ...Object) Policy {
	for _, o := range nearestFirst {
		if p, ok := o.Tags.policy(now); ok {
			p.Origin = o.String()
			return p
		}
	}
	return Policy{}
}

// policy returns the opinion of one object about instances, if it has any. A
// suspension beats all others, an unreadable tag beats those that permit
// something, and of several types the least destructive one counts.
func (t Tags) policy(now int64) (Policy, bool) {
	if p, ok := t.restriction(now); ok {
		return p, true
	}
	var p Policy
	for _, e := range t.Enables {
		if p.Type == None || e.Type < p.Type {
			p = Policy{Type: e.Type, Tag: e.Tag}
		}
	}
	return p, p.Type != None
}

// restriction returns the suspension of an object or else the first of its tags
// that nobody can read, if it has any. A suspension without an end beats any time,
// else the latest time counts.
func (t Tags) restriction(now int64) (Policy, bool) {
	var longest *Suspend
	for i, s := range t.Suspends {
		if s.Expired(now) {
			continue
		}
		if longest == nil || s.Forever() || (!longest.Forever() && s.Until > longest.Until) {
			longest = &t.Suspends[i]
		}
	}
	unreadable := ""
	for _, m := range t.Malformed {
		switch {
		case m.Effect == Suspends && (longest == nil || !longest.Forever()):
			// Nobody can know until when it was meant to last: forever (T10).
			longest = &Suspend{Tag: m.Tag}
		case m.Effect == Forbids && unreadable == "":
			unreadable = m.Tag
		}
	}
	switch {
	case longest != nil:
		return Policy{Suspended: true, Until: longest.Until, Tag: longest.Tag}, true
	case unreadable != "":
		return Policy{Unreadable: true, Tag: unreadable}, true
	}
	return Policy{}, false
}

// OfflinePolicy is whether a node may be marked offline, and which tag says so (K5).
type OfflinePolicy struct {
	Permitted  bool
	Suspended  bool
	Until      int64 // Unix time in seconds at which the suspension ends; 0 if it has no end
	Unreadable bool
	Origin     string // the object that decided, as Object.String; empty if no object has an opinion
	Tag        string // the tag that decided
}

// EffectiveOfflinePolicy returns whether a node may be marked offline at a Unix
// time in seconds. The objects come nearest first: the node's group, the cluster.
// The first with an opinion about nodes decides: a suspension forbids, a tag that
// cannot be read forbids, node-offline permits. Types of repair say nothing about
// nodes.
func EffectiveOfflinePolicy(now int64, nearestFirst ...Object) OfflinePolicy {
	for _, o := range nearestFirst {
		if p, ok := o.Tags.restriction(now); ok {
			return OfflinePolicy{Suspended: p.Suspended, Until: p.Until, Unreadable: p.Unreadable, Origin: o.String(), Tag: p.Tag}
		}
		if len(o.Tags.NodeOffline) > 0 {
			return OfflinePolicy{Permitted: true, Origin: o.String(), Tag: o.Tags.NodeOffline[0]}
		}
	}
	return OfflinePolicy{}
}

// ExpiredSuspends returns the suspend tags whose time has passed; they are to
// be removed (T4).
func (t Tags) ExpiredSuspends(now int64) []string {
	var tags []string
	for _, s := range t.Suspends {
		if s.Expired(now) {
			tags = append(tags, s.Tag)
		}
	}
	return tags
}
