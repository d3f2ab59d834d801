package repair

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Share is a bound on the number of bad nodes of a node group: a percentage of its
// nodes, or a number of nodes (V2).
type Share struct {
	Percent int
	Nodes   int // counts if InNodes is set
	InNodes bool
}

// String returns the bound as the settings file has it: "50%", or "2" nodes.
func (s Share) String() string {
	if s.InNodes {
		return fmt.Sprint(s.Nodes)
	}
	return fmt.Sprintf("%d%%", s.Percent)
}

// ExceededBy reports whether so many bad nodes of a group are more than the bound.
func (s Share) ExceededBy(bad, all int) bool {
	if s.InNodes {
		return bad > s.Nodes
	}
	return bad*100 > all*s.Percent
}

// MarshalJSON writes a percentage as a number and a number of nodes as a string, as the
// settings file may have them.
func (s Share) MarshalJSON() ([]byte, error) {
	if s.InNodes {
		return json.Marshal(s.String())
	}
	return json.Marshal(s.Percent)
}

// UnmarshalJSON reads what MarshalJSON writes, and a percentage as "50%".
func (s *Share) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		*s = Share{}
		return json.Unmarshal(raw, &s.Percent)
	}
	share, err := ParseShare(text)
	*s = share
	return err
}

// ParseShare reads a percentage, "50%", or a number of nodes, "2".
func ParseShare(text string) (Share, error) {
	number, percent := text, false
	if strings.HasSuffix(text, "%") {
		number, percent = strings.TrimSuffix(text, "%"), true
	}
	n, err := strconv.Atoi(number)
	switch {
	case err != nil || n < 0:
		return Share{}, fmt.Errorf("%q is neither a percentage like \"50%%\" nor a number of nodes like \"2\"", text)
	case percent && n > 100:
		return Share{}, fmt.Errorf("%q is more than 100%%", text)
	case percent:
		return Share{Percent: n}, nil
	}
	return Share{Nodes: n, InNodes: true}, nil
}
