package selection_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

const (
	concourseRelease = "github.com/concourse/concourse-bosh-release"
	bpmRelease       = "github.com/cloudfoundry/bpm-release"
	jammy            = "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
)

// release is a BOSH release without an address, as the state has it.
func release(name, upstream, version string) component.Component {
	return component.Component{Name: name, Kind: component.KindRelease, Upstream: upstream, Version: version}
}

// from adds an address to a component.
func from(c component.Component, url string) component.Component {
	c.URL = url
	return c
}

// watching is a source of both releases.
func watching(names ...string) resource.Source {
	source := resource.Source{Watch: map[string]resource.Watch{}}
	for _, name := range names {
		source.Watch[name] = resource.Watch{Release: "example.com/" + name}
	}
	return source
}

// What was deployed by hand is fetched from where it was, with its digests. The upstream is
// asked for the rest alone, and for exactly those versions.
func TestLookUp_takesWhatIsRecordedFirst(t *testing.T) {
	concourse, bpm := release("concourse", concourseRelease, "8.2.5"), release("bpm", bpmRelease, "1.4.20")
	set := []component.Component{concourse, bpm}
	other := concourse
	other.Upstream = "example.com/fork"
	stemcell := concourse
	stemcell.Kind = component.KindStemcell
	for name, of := range map[string]struct {
		recorded []component.Component
		asked    resource.Version
		want     []string
	}{
		"both are recorded":     {[]component.Component{from(bpm, "https://kept/bpm"), from(concourse, "https://kept/concourse")}, nil, []string{"https://kept/concourse", "https://kept/bpm"}},
		"one is":                {[]component.Component{from(bpm, "https://kept/bpm")}, resource.Version{"concourse": "8.2.5"}, []string{"https://found/concourse", "https://kept/bpm"}},
		"none is":               {nil, resource.Version{"concourse": "8.2.5", "bpm": "1.4.20"}, []string{"https://found/concourse", "https://found/bpm"}},
		"of another version":    {[]component.Component{from(release("bpm", bpmRelease, "1.4.19"), "https://kept/bpm"), from(concourse, "https://kept/concourse")}, resource.Version{"bpm": "1.4.20"}, []string{"https://kept/concourse", "https://found/bpm"}},
		"from another upstream": {[]component.Component{from(bpm, "https://kept/bpm"), from(other, "https://kept/fork")}, resource.Version{"concourse": "8.2.5"}, []string{"https://found/concourse", "https://kept/bpm"}},
		"of another kind":       {[]component.Component{from(bpm, "https://kept/bpm"), from(stemcell, "https://kept/stemcell")}, resource.Version{"concourse": "8.2.5"}, []string{"https://found/concourse", "https://kept/bpm"}},
	} {
		source := watching("concourse", "bpm", "perpetual")
		var asked resource.Version
		find := func(_ context.Context, s resource.Source, version resource.Version) (found []component.Component, _ error) {
			asked = version
			if len(version) == 0 {
				t.Errorf("%s: it looks for nothing", name)
			}
			if names := slices.Sorted(maps.Keys(s.Watch)); !slices.Equal(names, slices.Sorted(maps.Keys(version))) {
				t.Errorf("%s: it looks for %v in a source of %q", name, version, names)
			}
			for _, c := range []component.Component{release("bpm", bpmRelease, "9.9.9"), bpm, concourse} { // in another order
				if version[c.Name] != "" {
					found = append(found, from(c, "https://found/"+c.Name))
				}
			}
			return found, nil
		}
		whole, err := selection.LookUp(t.Context(), set, of.recorded, source, find)
		if err != nil || !maps.Equal(asked, of.asked) {
			t.Errorf("%s: it asks for %v, %v; want %v", name, asked, err, of.asked)
		}
		var urls []string
		for i, c := range whole {
			if urls = append(urls, c.URL); c.Name != set[i].Name || c.Version != set[i].Version {
				t.Errorf("%s: %s %s became %s %s", name, set[i].Name, set[i].Version, c.Name, c.Version)
			}
		}
		if !slices.Equal(urls, of.want) || set[0].URL != "" {
			t.Errorf("%s: the set is from %q, want %q", name, urls, of.want)
		}
	}
}

func TestLookUp_saysHowToGoOnWithoutAnUpstream(t *testing.T) {
	set := []component.Component{release("concourse", concourseRelease, "8.2.5"), release("bpm", bpmRelease, "1.4.20")}
	for name, of := range map[string]struct {
		source resource.Source
		found  []component.Component
		err    error
		asks   bool
		says   []string
	}{
		"nobody watches it any more": {source: watching("concourse"), says: []string{"find bpm 1.4.20, which was deployed last", "nothing was deployed", "--upgrade"}},
		"the upstream has it no more": {source: watching("concourse", "bpm"), asks: true, found: []component.Component{set[0], release("bpm", bpmRelease, "1.4.21")},
			says: []string{"find bpm 1.4.20, which was deployed last", "its upstream does not have it", "nothing was deployed", "--upgrade"}},
		"the upstream is away": {source: watching("concourse", "bpm"), asks: true, err: errors.New("no answer"), says: []string{"find again what was deployed last: no answer"}},
	} {
		asked := false
		whole, err := selection.LookUp(t.Context(), set, nil, of.source, func(context.Context, resource.Source, resource.Version) ([]component.Component, error) {
			asked = true
			return of.found, of.err
		})
		if testkit.Refused(t, name, err, of.says...); whole != nil || asked != of.asks {
			t.Errorf("%s: it gives %v; the upstream was asked: %t", name, whole, asked)
		}
	}
}

// An image that is pinned by its digest is the one that is signed, and of the version that
// is deployed.
func TestCheckImage_wantsThePinnedImageOfTheSet(t *testing.T) {
	digest := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	perpetual := component.Component{Name: resource.ProgramComponent, Version: "1.4.0", Images: map[string]string{signature.Resource: digest("a")}}
	unsigned := component.Component{Name: resource.ProgramComponent, Version: "1.4.0"}
	for name, of := range map[string]struct {
		image string
		set   component.Component
		says  []string
	}{
		"a repository alone":      {"registry.example.com/perpetual", perpetual, nil},
		"the signed one":          {"registry.example.com/perpetual:1.4.0@" + digest("a"), perpetual, nil},
		"one that nobody signed":  {"registry.example.com/perpetual:1.4.0@" + digest("b"), unsigned, nil},
		"another digest":          {"registry.example.com/perpetual:1.4.0@" + digest("b"), perpetual, []string{digest("b"), "the signed one of Perpetual 1.4.0 is " + digest("a"), "nothing was changed", "correct pipeline.image"}},
		"another version":         {"registry.example.com/perpetual:1.3.0@" + digest("a"), perpetual, []string{"pipeline.image is of Perpetual 1.3.0, but version 1.4.0", "nothing was changed", "--upgrade"}},
		"a set without Perpetual": {"registry.example.com/perpetual:1.3.0@" + digest("a"), release("bpm", bpmRelease, "1.4.20"), nil},
	} {
		c := &config.Config{}
		c.Pipeline.Image = of.image
		testkit.Refused(t, name, selection.CheckImage(c, []component.Component{release("concourse", concourseRelease, "8.2.5"), of.set}), of.says...)
	}
}

func TestCheckStemcell_wantsAnotherWithASetOfItsOwn(t *testing.T) {
	set := []component.Component{release("concourse", concourseRelease, "8.2.5"), {Name: "stemcell", Kind: component.KindStemcell, Upstream: jammy, Version: "1.1364"}}
	testkit.Refused(t, "any", selection.CheckStemcell("", set))
	testkit.Refused(t, "the same", selection.CheckStemcell(jammy, set))
	testkit.Refused(t, "a set without one", selection.CheckStemcell("bosh-noble", set[:1]))
	testkit.Refused(t, "another", selection.CheckStemcell("bosh-noble", set), "cloud.stemcell", "bosh-noble is wanted, and "+jammy+" is deployed", "nothing was changed", "--upgrade")
}

func TestVersions_areByWhatTheyAreFor(t *testing.T) {
	set := []component.Component{
		release("concourse", concourseRelease, "8.2.5"), release("bpm", bpmRelease, "1.4.20"), release("postgres", "p", "54.0.5"),
		{Name: "stemcell", Kind: component.KindStemcell, Upstream: jammy, Version: "1.1364"},
		{Name: "perpetual", Version: "1.4.0", Images: map[string]string{signature.Resource: "sha256:a"}},
		release("uaa", "u", "77.0.0"),
	}
	v := selection.Versions(set)
	if v.Concourse != "8.2.5" || v.BPM != "1.4.20" || v.Postgres != "54.0.5" || v.StemcellName != jammy || v.Stemcell != "1.1364" || v.Perpetual != "1.4.0" || v.PerpetualTag != "sha256:a" {
		t.Errorf("they are %+v", v)
	}
	set[4].Images = nil
	if v := selection.Versions(set); v.PerpetualTag != "1.4.0" {
		t.Errorf("of a release that nobody signed the image is tagged %q", v.PerpetualTag)
	}
	if got := selection.Describe(set[:2]); got != "concourse 8.2.5, bpm 1.4.20" {
		t.Errorf("it is described as %q", got)
	}
}

// A plan shows where each new component comes from and its digest, and no secret that an
// address holds.
func TestLines_sayWhereWhatIsNewComesFrom(t *testing.T) {
	before := []component.Component{release("concourse", concourseRelease, "8.2.4"), release("bpm", bpmRelease, "1.4.20"), release("postgres", "p", "54.0.5")}
	concourse := from(release("concourse", concourseRelease, "8.2.5"), "https://user:s3cret@mirror.example.com/concourse.tgz?token=s3cret")
	concourse.SHA1, concourse.SHA256 = "0a0a", "0b0b"
	perpetual := component.Component{Name: "perpetual", Version: "1.4.0", Assets: []component.Asset{
		{Name: "perpetual-linux-amd64", URL: "https://example.com/perpetual-linux-amd64", SHA256: "0c0c"}, {Name: "notes.txt", URL: "https://example.com/notes.txt"},
	}}
	got := selection.Lines(before, []component.Component{concourse, from(before[1], "https://example.com/bpm.tgz"), perpetual})
	want := []string{
		"~ concourse: 8.2.4 → 8.2.5, https://(hidden)@mirror.example.com/concourse.tgz?token=(hidden), sha1 0a0a, sha256 0b0b",
		"+ perpetual: 1.4.0",
		"  perpetual-linux-amd64: https://example.com/perpetual-linux-amd64, sha256 0c0c",
	}
	if !slices.Equal(got, want) {
		t.Errorf("it says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A stemcell without an image in the region would fail at the first VM.
func TestCheckImages_wantsAnImageInTheRegion(t *testing.T) {
	set := []component.Component{release("concourse", concourseRelease, "8.2.5"), {Name: "stemcell", Kind: component.KindStemcell, Upstream: jammy, Version: "1.1364"}}
	for name, of := range map[string]struct {
		images map[string]string
		err    error
		says   []string
	}{
		"it has one":               {images: map[string]string{"eu-central-1": "ami-1", "us-east-1": "ami-2"}},
		"it is not light":          {},
		"it has others":            {images: map[string]string{"us-east-1": "ami-2", "eu-west-1": "ami-3"}, says: []string{"stemcell " + jammy + " 1.1364 has no image in region eu-central-1", "in eu-west-1, us-east-1:", "versions.stemcell, or another region"}},
		"it cannot be looked into": {err: errors.New("no answer"), says: []string{"look for the image of stemcell " + jammy + " 1.1364: no answer"}},
	} {
		err := selection.CheckImages(t.Context(), set, "eu-central-1", func(_ context.Context, c component.Component) (map[string]string, error) {
			if c.Kind != component.KindStemcell {
				t.Errorf("%s: it looks into %s", name, c.Name)
			}
			return of.images, of.err
		})
		testkit.Refused(t, name, err, of.says...)
	}
}
