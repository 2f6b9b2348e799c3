package candidate

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// Chooser chooses among the versions of one component, and tells the build log what it
// passes over.
type Chooser struct {
	Name  string // of the component, in source.watch
	Watch resource.Watch
	Now   time.Time
	Log   io.Writer
	// Clear says that anybody can change the upstream's lists on the way: their digests
	// say nothing.
	Clear bool
	// Over is of the list that was looked at last.
	Over PassedOver

	*Picker
	tags bool // that list was of tags
}

// NewChooser reads what a Watch asks for. It expects a validated one.
func NewChooser(name string, w resource.Watch, now time.Time, log io.Writer) (*Chooser, error) {
	p, err := NewPicker(w)
	if err != nil {
		return nil, err
	}
	return &Chooser{Name: name, Watch: w, Now: now, Log: log, Picker: p}, nil
}

// ErrMissing is a version that an upstream which answers does not have.
var ErrMissing = errors.New("not found")

// FromTags gives the candidates among all tags of an upstream, highest version first.
func (c *Chooser) FromTags(tags []string) (list []Candidate) {
	c.tags = true
	list, c.Over = c.Tags(tags)
	return list
}

// FromVersions gives the candidates among all versions of an upstream, highest first.
func (c *Chooser) FromVersions(texts []string) (list []Candidate) {
	c.tags = false
	list, c.Over = c.Versions(texts)
	return list
}

// TagsOf are those of the tags that give a version.
func (c *Chooser) TagsOf(version string, tags []string) []string {
	return slices.DeleteFunc(slices.Clone(tags), func(tag string) bool {
		v, ok := c.Version(tag)
		return !ok || v != version
	})
}

// Old says whether something published at date is as old as min_age wants.
func (c *Chooser) Old(date time.Time) bool {
	return c.Watch.MinAge.Duration == 0 || !date.After(c.Now.Add(-c.Watch.MinAge.Duration))
}

// Given is the digest that the source has under the first of some keys, in hex; "" for none.
func (c *Chooser) Given(keys ...string) string {
	for _, key := range keys {
		if given := strings.ToLower(strings.TrimPrefix(c.Watch.Digests[key], "sha256:")); given != "" {
			return given
		}
	}
	return ""
}

// Replaced is the error of two digests of one thing that differ: the given one, and that
// of somebody.
func (c *Chooser) Replaced(what, given, of, other string) error {
	return fmt.Errorf("the digest of %s in source.watch.%s.digests is %s, and %s's is %s: the file was replaced, or the digest is another version's",
		what, c.Name, given, of, other)
}

// Say tells the build log something that is not an error.
func (c *Chooser) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Log, "%s: %s\n", c.Name, fmt.Sprintf(format, args...))
}
