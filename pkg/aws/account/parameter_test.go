package account_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const parameter = "/perpetual/ci/main/director_password"

func TestPutParameter_writesOnlyWhatDiffers(t *testing.T) {
	tags := map[string]string{"perpetual:name": "ci"}
	long := strings.Repeat("k", 5000)
	for _, c := range []struct {
		name    string
		have    *sandbox.Parameter
		value   string
		changed bool
		writes  int
	}{
		{"absent", nil, "v", true, 1},
		{"equal", &sandbox.Parameter{Type: "SecureString", Value: "v", Tags: tags}, "v", false, 0},
		{"another value", &sandbox.Parameter{Type: "SecureString", Value: "w", Tags: tags}, "v", true, 1},
		{"in clear", &sandbox.Parameter{Type: "String", Value: "v", Tags: tags}, "v", true, 1},
		{"without tags", &sandbox.Parameter{Type: "SecureString", Value: "v"}, "v", true, 1},
		{"long", nil, long, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, sandbox.Options{})
			if c.have != nil {
				w.Cloud.SetParameter(parameter, *c.have)
			}
			a := w.open(t)
			if differs, err := a.DiffParameter(t.Context(), parameter, secret.New(c.value), tags); err != nil || differs != c.changed || w.Cloud.Writes() != 0 {
				t.Errorf("before: differs %v, %d writes, %v", differs, w.Cloud.Writes(), err)
			}
			changed, err := a.PutParameter(t.Context(), parameter, secret.New(c.value), tags)
			if err != nil || changed != c.changed || w.Cloud.Writes() != c.writes {
				t.Errorf("changed %v in %d writes, %v", changed, w.Cloud.Writes(), err)
			}
			p := w.Cloud.Parameters()[parameter]
			if p.Type != "SecureString" || p.Value != c.value || cmp.Diff(tags, p.Tags) != "" {
				t.Errorf("parameter %+v", p)
			}
			if changed, err := a.PutParameter(t.Context(), parameter, secret.New(c.value), tags); err != nil || changed || w.Cloud.Writes() != c.writes {
				t.Errorf("the second time: changed %v, %d writes, %v", changed, w.Cloud.Writes(), err)
			}
			if found, err := a.GetParameter(t.Context(), parameter); err != nil || found.Reveal() != c.value {
				t.Errorf("read %v", err)
			}
		})
	}
}

func TestPutParameter_hasItsTagsThoughTheReplyIsLost(t *testing.T) {
	for skip := range 3 {
		w := newWorld(t, sandbox.Options{})
		w.Cloud.Faults["ssm"].Add(fault.Fault{Kind: fault.DropReply, Skip: skip})
		_, err := w.open(t).PutParameter(t.Context(), parameter, secret.New("v"), map[string]string{"perpetual:name": "ci"})
		if p := w.Cloud.Parameters()[parameter]; err != nil || p.Value != "v" || p.Tags["perpetual:name"] != "ci" {
			t.Errorf("reply %d lost: %+v, %v", skip, p, err)
		}
	}
}

func TestPutParameter_refusesAnEmptyValue(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	if _, err := w.open(t).PutParameter(t.Context(), parameter, secret.Value{}, nil); err == nil || len(w.Cloud.Faults["ssm"].Seen()) != 0 {
		t.Errorf("error %v", err)
	}
}

func TestGetParameter_saysThatThereIsNone(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	if _, err := w.open(t).GetParameter(t.Context(), parameter); !errors.Is(err, aws.ErrNotFound) || !strings.Contains(err.Error(), parameter) {
		t.Errorf("error %v", err)
	}
}

func TestDeleteParameters_deletesThoseUnderThePathOnly(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	for i := range 25 {
		w.Cloud.SetParameter(fmt.Sprintf("/perpetual/ci/main/p%02d", i), sandbox.Parameter{Type: "SecureString", Value: "v"})
	}
	w.Cloud.SetParameter("/perpetual/ci2/main/other", sandbox.Parameter{Type: "SecureString", Value: "v"})
	a := w.open(t)
	deleted, err := a.DeleteParameters(t.Context(), "/perpetual/ci/")
	left := w.Cloud.Parameters()
	if err != nil || len(deleted) != 25 || len(left) != 1 || left["/perpetual/ci2/main/other"].Value != "v" {
		t.Errorf("deleted %q, left %v, %v", deleted, left, err)
	}
	if deleted, err := a.DeleteParameters(t.Context(), "/perpetual/ci"); err != nil || len(deleted) != 0 {
		t.Errorf("again: %q, %v", deleted, err)
	}
	for _, path := range []string{"", "/", "/perpetual", "perpetual/"} {
		if _, err := a.DeleteParameters(t.Context(), path); err == nil {
			t.Errorf("%q was taken for a path of ours", path)
		}
	}
}

func TestTagged_listsWhatIsLeft(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	for i := range 5 {
		w.Cloud.SetTags(fmt.Sprintf("arn:aws:ec2:eu-central-1:123456789012:volume/vol-%d", i), map[string]string{"perpetual:name": "ci"})
	}
	w.Cloud.SetTags("arn:aws:ec2:eu-central-1:123456789012:volume/vol-9", map[string]string{"perpetual:name": "prod"})
	a := w.open(t)
	if _, err := a.EnsureBucket(t.Context(), bucketSpec()); err != nil {
		t.Fatal(err)
	}
	found, err := a.Tagged(t.Context(), "perpetual:name", "ci")
	if err != nil || len(found) != 6 || found[5] != "arn:aws:s3:::"+bucketName || found[0] != "arn:aws:ec2:eu-central-1:123456789012:volume/vol-0" {
		t.Errorf("%q, %v", found, err)
	}
}
