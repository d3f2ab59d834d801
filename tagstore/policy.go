package tagstore

import "ganeti-autorepair/luxi"

// Object is something that carries policy tags: an instance, a node group or
// the cluster.
type Object struct {
	Kind luxi.TagKind
	Name string // empty for the cluster
	Tags Tags
}

// String names the object as messages do: "instance web1", "group rack1",
// "cluster".
func (o Object) String() string {
	switch o.Kind {
	case luxi.TagCluster:
		return "cluster"
	case luxi.TagGroup:
		return "group " + o.Name
	}
	return string(o.Kind) + " " + o.Name
}

// Policy is what may be done to an instance without being asked again, and
// where that comes from.
type Policy struct {
	Type      Type   // the strongest repair permitted; None if none is, or while suspended
	Suspended bool   // no repair may start or go on
	Until     int64  // Unix time in seconds at which the suspension ends; 0 if it has no end
	Origin    string // the object that decided, as Object.String; empty if no object has an opinion
	Tag       string // the tag that decided
}

// EffectivePolicy resolves the policy for an instance at a Unix time in
// seconds. The objects come nearest first: the instance, the node group of its
// primary node, the cluster. The first with an opinion decides (T2, T3).
func EffectivePolicy(now int64, nearestFirst ...Object) Policy {
	for _, o := range nearestFirst {
		if p, ok := o.Tags.policy(now); ok {
			p.Origin = o.String()
			return p
		}
	}
	return Policy{}
}

// policy is the opinion of one object, if it has any: a suspension beats an
// enabling tag, one without end beats any time, else the latest time counts;
// of several types the least destructive one counts.
func (t Tags) policy(now int64) (Policy, bool) {
	var held *Suspend
	for i, s := range t.Suspends {
		if s.Expired(now) {
			continue
		}
		if held == nil || s.Forever() || (!held.Forever() && s.Until > held.Until) {
			held = &t.Suspends[i]
		}
	}
	for _, m := range t.Malformed {
		// Nobody can know until when it was meant to hold: for ever (T10).
		if m.Kind == "suspend" && (held == nil || !held.Forever()) {
			held = &Suspend{Tag: m.Tag}
		}
	}
	if held != nil {
		return Policy{Suspended: true, Until: held.Until, Tag: held.Tag}, true
	}
	var p Policy
	for _, e := range t.Enables {
		if p.Type == None || e.Type < p.Type {
			p = Policy{Type: e.Type, Tag: e.Tag}
		}
	}
	return p, p.Type != None
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
