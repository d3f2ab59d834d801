package tagstore

// Mark is a tag of a node that records a moment (T12).
type Mark struct {
	Time int64 // Unix time in seconds
	Tag  string
}

// clockSkew is how many seconds the clocks of two masters may differ, and how
// long a node may take to get its new modification time when a tag is written.
const clockSkew = 60

// addOnNode reads a tag of a node and returns what is wrong with it, or nothing
// if the tag was added. Only fenced and silent mean something there.
func (t *Tags) addOnNode(word, rest string, more bool, tag string) (why string) {
	list := &t.Fenced
	switch word {
	case wordFenced:
	case wordSilent:
		list = &t.Silent
	default:
		return misplacedOnNode(word)
	}
	if !more {
		return word + " needs a time: " + word + ":SECONDS"
	}
	when, bad := parseSeconds(rest)
	if bad != "" {
		return word + " time " + bad
	}
	*list = append(*list, Mark{Time: when, Tag: tag})
	return ""
}

// misplacedOnNode says what is wrong with a tag of a node that is neither fenced
// nor silent, and where it belongs.
func misplacedOnNode(word string) string {
	_, isType := ParseType(word)
	switch {
	case isType, word == wordSuspend:
		return word + " means nothing on a node; it belongs on the node's group, the cluster, or instances"
	case word == wordPending, word == wordResult:
		return word + " means nothing on a node; it belongs on an instance"
	case word == wordNodeOffline:
		return word + " means nothing on a node; it belongs on the node's group or the cluster"
	case looksLikeSuspend(word):
		return whyNotTag + ", and a suspension means nothing on a node; it belongs on the node's group, the cluster, or instances"
	}
	return whyNotTag + "; on a node there are fenced:SECONDS and silent:SECONDS"
}

// FencedAt returns the newest fenced tag of a node that stands for its fence
// (V5). A tag counts only if the node was not modified later than a minute after
// it, so that a node that came back and was lost again needs a new one. A tag
// from the future never counts, since no modification would ever outdate it.
// mtime and now are Unix times in seconds.
func (t Tags) FencedAt(now, mtime int64) (Mark, bool) {
	var valid []Mark
	for _, m := range t.Fenced {
		if m.Time <= now+clockSkew && mtime-clockSkew <= m.Time {
			valid = append(valid, m)
		}
	}
	return newest(valid)
}

// SilentSince returns the silent tag of a node that says since when it has not
// answered: the newest, since an older one is of an earlier silence (K2). So is one that
// is not newer than a fenced tag: the node was offline after that.
func (t Tags) SilentSince() (Mark, bool) {
	silent, is := newest(t.Silent)
	if fenced, was := newest(t.Fenced); was && fenced.Time >= silent.Time {
		return Mark{}, false
	}
	return silent, is
}

func newest(marks []Mark) (Mark, bool) {
	var last Mark
	for k, m := range marks {
		if k == 0 || m.Time > last.Time {
			last = m
		}
	}
	return last, len(marks) > 0
}

// NodeMarks lists all fenced and silent tags of a node. They are removed once
// the node is online and answers (T12).
func (t Tags) NodeMarks() []string {
	var tags []string
	for _, list := range [][]Mark{t.Fenced, t.Silent} {
		for _, m := range list {
			tags = append(tags, m.Tag)
		}
	}
	return tags
}
