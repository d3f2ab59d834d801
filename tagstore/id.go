package tagstore

import (
	"fmt"
	"io"
	"strings"
)

// IDKind says how a repair with an id was begun (P22).
type IDKind int

// The kinds of repair ids.
const (
	// Foreign is the id of a repair that another program or a person asked for. It
	// counts as asked for.
	Foreign IDKind = iota
	// ByPolicy is the id of a repair that a pass began on the policy's permission.
	ByPolicy
	// AskedFor is the id of a repair that a person asked for through this program.
	AskedFor
	// Old010 is an id of the form that version 0.1.0 made, for either reason.
	Old010
)

// String returns the kind in words.
func (k IDKind) String() string {
	switch k {
	case ByPolicy:
		return "begun by policy"
	case AskedFor:
		return "asked for"
	case Old010:
		return "made by version 0.1.0"
	}
	return "foreign"
}

// idLetters are the letters of our own ids: lower case and digits without those
// that are easily mistaken for one another. Version 0.1.0 had the same.
const idLetters = "abcdefghjkmnpqrstuvwxyz23456789" // 31

// idRandom is how many random letters an id has. With its head an id is ten
// characters long, which leaves room in a result tag for six jobs of seven digits
// (T8).
const idRandom = 8

var idHeads = map[IDKind]string{ByPolicy: "p-", AskedFor: "r-"}

// NewID returns a new repair id of the kind ByPolicy or AskedFor, made from a
// source of random bytes.
func NewID(kind IDKind, random io.Reader) (string, error) {
	head, ok := idHeads[kind]
	if !ok {
		return "", fmt.Errorf("no repair ids are made of the kind %q", kind)
	}
	id := make([]byte, 0, len(head)+idRandom)
	id = append(id, head...)
	var b [1]byte
	for len(id) < cap(id) {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("making a repair id: %w", err)
		}
		if n := int(b[0]); n < 8*len(idLetters) { // so that every letter is as likely
			id = append(id, idLetters[n%len(idLetters)])
		}
	}
	return string(id), nil
}

// KindOfID returns the kind of a repair id, which its form tells.
func KindOfID(id string) IDKind {
	random, kind := id, Old010
	for k, head := range idHeads {
		if strings.HasPrefix(id, head) {
			random, kind = strings.TrimPrefix(id, head), k
		}
	}
	if len(random) != idRandom || strings.Trim(random, idLetters) != "" {
		return Foreign
	}
	return kind
}
