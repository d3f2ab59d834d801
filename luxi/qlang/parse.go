package qlang

import (
	"encoding/json"
	"fmt"
	"math/big"
	"sort"
	"strings"

	"ganeti-autorepair/luxi"
)

// SyntaxError is a filter that cannot be read.
type SyntaxError struct {
	Text string // Text is the filter.
	At   int    // At is where it cannot be read, as an offset in bytes.
	Why  string // Why is what is wrong there.
}

// Error returns the place, counted in characters from 1, the text there, and Why.
func (e *SyntaxError) Error() string {
	rest := e.Text[e.At:]
	if strings.TrimSpace(rest) == "" {
		return fmt.Sprintf("filter: at its end: %s", e.Why)
	}
	const most = 20
	if len(rest) > most {
		rest = rest[:most] + "..."
	}
	return fmt.Sprintf("filter: at character %d (%q): %s", len([]rune(e.Text[:e.At]))+1, rest, e.Why)
}

// Parse reads a filter string. The error is a *SyntaxError.
func Parse(text string) (luxi.Filter, error) {
	p := &parser{text: text, why: "a condition is missing"}
	f, end, ok := p.or(0)
	if p.fatal != nil {
		return nil, p.fatal
	}
	if end = p.skip(end); !ok || end < len(text) {
		if ok && end >= p.furthest {
			p.furthest, p.why = end, "neither \"and\" nor \"or\" nor the end"
		}
		return nil, &SyntaxError{Text: text, At: p.furthest, Why: p.why}
	}
	return f, nil
}

// parser reads a text. Every method takes the offset where it begins and returns
// what it read, the offset behind that, and whether it could read it.
type parser struct {
	text     string
	furthest int    // furthest is the last offset at which something was missing.
	why      string // why is what was missing there.
	fatal    error  // fatal is an error that no other way to read the text avoids.
}

func (p *parser) fail(at int, why string) {
	if at > p.furthest {
		p.furthest, p.why = at, why
	}
}

func (p *parser) skip(at int) int {
	for at < len(p.text) && strings.IndexByte(" \n\t\r", p.text[at]) >= 0 {
		at++
	}
	return at
}

func (p *parser) or(at int) (luxi.Filter, int, bool)  { return p.joined(at, "or", "|", p.and) }
func (p *parser) and(at int) (luxi.Filter, int, bool) { return p.joined(at, "and", "&", p.not) }

func (p *parser) joined(at int, word, op string, operand func(int) (luxi.Filter, int, bool)) (luxi.Filter, int, bool) {
	first, at, ok := operand(at)
	if !ok {
		return nil, at, false
	}
	list := luxi.Filter{op, first}
	for {
		next, ok := p.keyword(at, word)
		if !ok {
			break
		}
		f, end, ok := operand(next)
		if !ok {
			break
		}
		list, at = append(list, f), end
	}
	if len(list) == 2 {
		return first, at, true
	}
	return list, at, true
}

func (p *parser) not(at int) (luxi.Filter, int, bool) {
	if next, ok := p.keyword(at, "not"); ok {
		if f, end, ok := p.not(next); ok {
			return luxi.Filter{"!", f}, end, true
		}
	}
	// A field may have the name of a keyword.
	if f, end, ok := p.condition(at); ok {
		return f, end, true
	}
	if next, ok := p.literal(at, "("); ok {
		if f, end, ok := p.or(next); ok {
			if end, ok := p.literal(end, ")"); ok {
				return f, end, true
			}
			p.fail(p.skip(end), "a closing parenthesis is missing")
		}
	}
	return nil, at, false
}

// keyword reads a word that is not part of a longer name.
func (p *parser) keyword(at int, word string) (int, bool) {
	at = p.skip(at)
	end := at + len(word)
	if !strings.HasPrefix(p.text[at:], word) || at > 0 && identifier(p.text[at-1]) || end < len(p.text) && identifier(p.text[end]) {
		return at, false
	}
	return end, true
}

func identifier(c byte) bool { return letter(c) || digit(c) || c == '_' || c == '$' }
func letter(c byte) bool     { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func digit(c byte) bool      { return '0' <= c && c <= '9' }

func (p *parser) literal(at int, word string) (int, bool) {
	at = p.skip(at)
	if !strings.HasPrefix(p.text[at:], word) {
		return at, false
	}
	return at + len(word), true
}

func (p *parser) field(at int) (string, int, bool) {
	begin := p.skip(at)
	if begin >= len(p.text) || !letter(p.text[begin]) {
		p.fail(begin, "a field, a value or a parenthesis is missing")
		return "", at, false
	}
	end := begin + 1
	for end < len(p.text) && (letter(p.text[end]) || digit(p.text[end]) || strings.IndexByte("_/.", p.text[end]) >= 0) {
		end++
	}
	return p.text[begin:end], end, true
}

// condition reads the longest condition that begins there.
func (p *parser) condition(at int) (luxi.Filter, int, bool) {
	name, end, ok := p.field(at)
	if !ok {
		return p.contained(at)
	}
	if f, end, ok := p.compared(name, end); ok {
		return f, end, true
	}
	return luxi.Filter{"?", name}, end, true
}

// contained reads a condition that begins with a value.
func (p *parser) contained(at int) (luxi.Filter, int, bool) {
	v, end, ok := p.value(at)
	if !ok {
		return nil, at, false
	}
	next, not := p.literal(end, "not")
	if not {
		end = next
	}
	if end, ok = p.literal(end, "in"); !ok {
		p.fail(end, "\"in\" or \"not in\" is missing")
		return nil, at, false
	}
	name, end, ok := p.field(end)
	if !ok {
		return nil, at, false
	}
	f := luxi.Filter{"=[]", name, v}
	if not {
		f = luxi.Filter{"!", f}
	}
	return f, end, true
}

// operators, the longer ones first.
var operators = []string{"==", "!=", "<=", ">=", "=~", "!~", "=*", "!*", "=", "<", ">"}

// compared reads an operator and its right side.
func (p *parser) compared(name string, at int) (luxi.Filter, int, bool) {
	for _, op := range operators {
		end, ok := p.literal(at, op)
		if !ok {
			continue
		}
		switch op {
		case "=~", "!~":
			re, end, ok := p.regexp(end)
			return negated(op, luxi.Filter{"=~", name, re}), end, ok
		case "=*", "!*":
			glob, end, ok := p.quoted(end)
			if !ok {
				p.fail(p.skip(end), "a quoted string is missing")
			}
			return negated(op, luxi.Filter{"=~", name, globPattern(glob)}), end, ok
		case "=":
			op = "=="
		}
		v, end, ok := p.value(end)
		if !ok {
			p.fail(p.skip(end), "a number or a quoted string is missing")
		}
		return luxi.Filter{op, name, v}, end, ok
	}
	return nil, at, false
}

func negated(op string, f luxi.Filter) luxi.Filter {
	if op[0] == '!' {
		return luxi.Filter{"!", f}
	}
	return f
}

// value reads an integer or a quoted string.
func (p *parser) value(at int) (any, int, bool) {
	begin := p.skip(at)
	end := begin
	if end < len(p.text) && (p.text[end] == '-' || p.text[end] == '+') {
		end++
	}
	digits := end
	for end < len(p.text) && digit(p.text[end]) {
		end++
	}
	if end > digits {
		n, _ := new(big.Int).SetString(strings.TrimPrefix(p.text[begin:end], "+"), 10)
		if n.IsInt64() {
			return n.Int64(), end, true
		}
		return json.Number(n.String()), end, true
	}
	return p.quoted(at)
}

// quoted reads a quoted string. A doubled quote or an escaped one does not end
// it; both stay in it as they are.
func (p *parser) quoted(at int) (string, int, bool) {
	begin := p.skip(at)
	if begin >= len(p.text) || p.text[begin] != '"' && p.text[begin] != '\'' {
		return "", at, false
	}
	quote := p.text[begin]
	for end := begin + 1; end < len(p.text); {
		c := p.text[end]
		switch {
		case c == '\n' || c == '\r':
			return "", at, false
		case c == quote && end+1 < len(p.text) && p.text[end+1] == quote:
			end += 2
		case c == quote:
			return p.text[begin+1 : end], end + 1, true
		case c == '\\' && end+1 < len(p.text) && p.text[end+1] == 'x':
			digits := end + 2
			for digits < len(p.text) && strings.IndexByte("0123456789abcdefABCDEF", p.text[digits]) >= 0 {
				digits++
			}
			if digits == end+2 {
				return "", at, false
			}
			end = digits
		case c == '\\':
			end += 2
		default:
			end++
		}
	}
	return "", at, false
}

// regexp reads a regular expression with its flags.
func (p *parser) regexp(at int) (string, int, bool) {
	begin := p.skip(at)
	if next, ok := p.literal(at, "m"); ok {
		begin = p.skip(next)
	}
	if begin >= len(p.text) || strings.IndexByte("/#^|", p.text[begin]) < 0 {
		p.fail(begin, "a regular expression such as /.../ is missing")
		return "", at, false
	}
	delimiter, end := p.text[begin], begin+1
	for ; ; end++ {
		if end >= len(p.text) || p.text[end] == '\n' || p.text[end] == '\r' {
			p.fail(begin, "the regular expression has no end")
			return "", at, false
		}
		if p.text[end] == delimiter {
			break
		}
		if p.text[end] == '\\' {
			if end++; end < len(p.text) && p.text[end] == '\n' {
				p.fail(begin, "the regular expression has no end")
				return "", at, false
			}
		}
	}
	expr, clear := unescaped(p.text[begin+1 : end])
	if !clear {
		p.fatal = &SyntaxError{Text: p.text, At: begin, Why: `an escaped \ before t, n, f or r means one thing on Debian 12 and another on Debian 13; write \t, \n, \f, \r for white space, [\\\\] for a \`}
		return "", at, false
	}
	flags, end := p.flags(end + 1)
	if strings.Trim(flags, "si") != "" {
		p.fatal = &SyntaxError{Text: p.text, At: begin, Why: fmt.Sprintf("a regular expression has no flags %q, only s and i; put one that \"and\" or \"or\" follows in parentheses", flags)}
		return "", at, false
	}
	if flags != "" {
		letters := strings.Split(flags, "")
		sort.Strings(letters)
		expr = "(?" + strings.Join(letters, "") + ")" + expr
	}
	if why := broken(expr); why != "" {
		p.fatal = &SyntaxError{Text: p.text, At: begin, Why: "not a regular expression: " + why}
		return "", at, false
	}
	return expr, end, true
}

func (p *parser) flags(at int) (string, int) {
	begin := p.skip(at)
	end := begin
	for end < len(p.text) && letter(p.text[end]) {
		end++
	}
	if end == begin {
		return "", at
	}
	return p.text[begin:end], end
}
