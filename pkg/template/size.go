package template

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	// MaxText is the largest text that is read: a manifest, a pipeline, an ops file
	// or a file of variables. The largest real manifests have some 2 MB.
	MaxText = 4 << 20
	// maxGrown is the size to which a text may grow by its aliases and variables.
	maxGrown = 16 << 20
	// maxLookups bounds the work on one text with several variables in it: its
	// length times their number.
	maxLookups = 1 << 30
)

// ErrTooLarge says that a text is larger than any manifest, or would become so:
// a few kilobytes of YAML aliases or variables can stand for gigabytes.
var ErrTooLarge = errors.New("it is too large")

// CheckText refuses, with ErrTooLarge, a text that is not worth parsing: one larger than
// MaxText.
func CheckText(text []byte) error {
	if len(text) > MaxText {
		return fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrTooLarge, len(text), MaxText)
	}
	return nil
}

// Bounded fails with ErrTooLarge for a decoded value that would come to more than
// 16 MiB of YAML. Decoders bound how many nodes the aliases of a text make, but
// not how often one long text is repeated by them.
func Bounded(value any) error {
	m := &meter{left: maxGrown}
	m.walk(value, 0)
	return m.err()
}

// grows is Bounded for a document whose variables are yet to be filled in: those
// that pattern matches, with the reference in its first group.
func grows(root any, pattern *regexp.Regexp, lookUp func(ref string) (any, bool)) error {
	m := &meter{left: maxGrown, pattern: pattern, lookUp: lookUp, known: map[string]extent{}}
	m.walk(root, 0)
	return m.err()
}

// meter adds up what a value comes to as YAML, and stops where it is too much.
type meter struct {
	left  int
	lines int // so far
	known map[string]extent

	pattern *regexp.Regexp // of variables; nil: texts are taken as they are
	lookUp  func(ref string) (any, bool)
}

// extent is what a variable's value, measured before, comes to where nothing is
// indented.
type extent struct{ size, lines int }

func (m *meter) err() error {
	if m.left >= 0 {
		return nil
	}
	return fmt.Errorf("%w: with its aliases and variables it comes to more than %d bytes", ErrTooLarge, maxGrown)
}

// walk measures a value that is indented so far.
func (m *meter) walk(value any, depth int) {
	m.lines++
	m.left -= 2 + 2*depth // a line of its own
	if m.left < 0 {
		return
	}
	switch v := value.(type) {
	case string:
		m.text(v, depth)
	case map[string]any:
		for key, item := range v {
			m.text(key, depth)
			m.walk(item, depth+1)
		}
	case map[any]any:
		for key, item := range v {
			m.walk(key, depth)
			m.walk(item, depth+1)
		}
	case []any:
		for _, item := range v {
			m.walk(item, depth+1)
			if m.left < 0 {
				return
			}
		}
	default:
		m.left -= 8
	}
}

// text measures a text: what stands for its variables counts in their place.
func (m *meter) text(text string, depth int) {
	if m.left < 0 {
		return
	}
	if m.pattern == nil || !strings.Contains(text, "((") {
		m.plain(text, depth)
		return
	}
	found := m.pattern.FindAllStringSubmatch(text, -1)
	if len(found) == 1 && found[0][0] == text {
		value := m.variable(found[0][1], text)
		m.left -= value.size + 2*depth*value.lines
		m.lines += value.lines
		return
	}
	if len(found)*len(text) > maxLookups {
		m.left = -1
		return
	}
	for _, match := range found { // the engine replaces one after the other, also in what came in before
		found, _ := m.lookUp(match[1])
		value, ok := found.(string)
		if !ok {
			continue // a number: short, or refused inside a text
		}
		times := strings.Count(text, match[0])
		if len(text)+times*len(value) > m.left {
			m.left = -1
			return
		}
		text = strings.ReplaceAll(text, match[0], value)
	}
	m.plain(text, depth)
}

// plain measures a text without variables.
func (m *meter) plain(text string, depth int) {
	lines := strings.Count(text, "\n")
	m.lines += lines
	m.left -= len(text) + 2*depth*lines
}

// variable measures a variable's value, which replaces a whole text.
func (m *meter) variable(ref, text string) extent {
	e, known := m.known[ref]
	if !known {
		e = extent{len(text), 1}
		if value, ok := m.lookUp(ref); ok {
			of := &meter{left: maxGrown}
			of.walk(value, 0)
			e = extent{maxGrown - of.left, of.lines}
		}
		m.known[ref] = e
	}
	return e
}
