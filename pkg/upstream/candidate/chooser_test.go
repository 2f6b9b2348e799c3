package candidate_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream/candidate"
)

var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// newChooser is one of the component c, and its log.
func newChooser(t *testing.T, w resource.Watch) (*candidate.Chooser, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	c, err := candidate.NewChooser("c", w, now, &log)
	if err != nil {
		t.Fatal(err)
	}
	return c, &log
}

func TestChooser_saysWhatItPassedOver(t *testing.T) {
	c, log := newChooser(t, resource.Watch{})
	list := c.FromTags([]string{"v1.0.0", "release-2.0.0", "v1.1.0-rc.1", "v0.9.0"})
	if len(list) != 2 || list[0].Text != "1.0.0" || list[0].Label != "v1.0.0" || list[1].Text != "0.9.0" {
		t.Fatalf("candidates %+v", list)
	}
	c.SayPassedOver(list[0].Text)
	want := "c: passed over 1 tag that is not a version, release-2.0.0 (tag_filter says where in a tag the version is: ^release-v?(.*)$); " +
		"1 pre-release, 1.1.0-rc.1 (pre_release: true would admit such)\n"
	if log.String() != want {
		t.Errorf("log %q, want %q", log, want)
	}
	list = c.FromVersions([]string{"1.0.0", "edge"})
	log.Reset()
	if c.SayPassedOver(list[0].Text); log.String() != "c: passed over 1 entry that is not a version, edge\n" {
		t.Errorf("of a list that has no tags: %q", log)
	}
}

func TestChooser_saysWhyNothingCounts(t *testing.T) {
	c, _ := newChooser(t, resource.Watch{Version: "2.x", Deny: []string{"2.1.0"}})
	c.Clear = true
	if list := c.FromVersions([]string{"1.0.0", "2.1.0"}); len(list) > 0 {
		t.Fatalf("candidates %+v", list)
	}
	want := "find versions in there: there is none that satisfies version 2.x and deny 2.1.0 and digests, without which nothing is taken over http://; " +
		"passed over: 2 versions that version or deny leave out, such as 2.1.0"
	if err := c.Nothing("there"); err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestChooser_readsTheWatch(t *testing.T) {
	sum := strings.Repeat("A", 64)
	c, _ := newChooser(t, resource.Watch{MinAge: resource.Duration{Duration: 24 * time.Hour}, Digests: map[string]string{"1.0.0/x": "sha256:" + sum, "x": "other"}})
	for ago, want := range map[time.Duration]bool{23 * time.Hour: false, 24 * time.Hour: true, 25 * time.Hour: true} {
		if got := c.Old(now.Add(-ago)); got != want {
			t.Errorf("of %s ago: %t", ago, got)
		}
	}
	if got := c.Given("1.0.0/x", "x"); got != strings.ToLower(sum) {
		t.Errorf("the digest of a version's file is %q", got)
	}
	if got := c.Given("2.0.0/x", "x"); got != "other" {
		t.Errorf("the digest of a file is %q", got)
	}
	if got := c.Given("y"); got != "" {
		t.Errorf("the digest of another file is %q", got)
	}
	if got := c.TagsOf("1.0.0", []string{"v1.0.0", "1.0.0", "v1.0.1", "x"}); !slices.Equal(got, []string{"v1.0.0", "1.0.0"}) {
		t.Errorf("tags of a version: %q", got)
	}
}
