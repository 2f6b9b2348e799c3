package upgrade_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/stock"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

func (d *fakeDirector) Locks(context.Context) ([]bosh.Lock, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.locks, d.enter("Locks")
}

func (d *fakeDirector) Stemcells(context.Context) ([]bosh.Stemcell, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.enter("Stemcells")
	return slices.Clone(d.stemcells), err
}

func (d *fakeDirector) Releases(context.Context) ([]bosh.Release, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.enter("Releases")
	return slices.Clone(d.releases), err
}

// Packages are those of a release that is there: none, where the test gives it no others.
func (d *fakeDirector) Packages(_ context.Context, release bosh.Release) ([]bosh.Package, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("Packages"); err != nil {
		return nil, err
	}
	if !slices.Contains(d.releases, release) {
		return nil, fmt.Errorf("release %s/%s: %w", release.Name, release.Version, bosh.ErrNotFound)
	}
	return d.packages[release], nil
}

// Admit takes a URL by what it says itself: no host is looked up.
func (d *fakeDirector) Admit(ctx context.Context, a stock.Artifact) error {
	return dial.Check(ctx, a.URL, a.Network, func(context.Context, string) ([]netip.Addr, error) { return nil, nil })
}

func (d *fakeDirector) Upload(_ context.Context, a stock.Artifact) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("Upload"); err != nil {
		return 0, err
	}
	if len(d.lostUploads) > 0 && d.lostUploads[0] == "dropped" {
		d.lostUploads = d.lostUploads[1:]
		return 0, fmt.Errorf("%w: 502", bosh.ErrUncertain)
	}
	from := a.URL
	if a.File != "" {
		from = a.File
	}
	fix := ""
	if a.Fix {
		fix = " to fix it"
	}
	d.effects.add("upload %s/%s from %s%s", cmp.Or(a.Name, a.OS), a.Version, from, fix)
	o := d.uploads[a.Name]
	t := fakeTask{Task: bosh.Task{Description: "create release"}, takes: o.takes, end: cmp.Or(o.end, bosh.StateDone), events: o.events}
	t.then = func() {
		nv := bosh.Release{Name: cmp.Or(o.as, a.Name), Version: cmp.Or(o.version, a.Version)}
		if a.Stemcell {
			d.stemcells = append(d.stemcells, bosh.Stemcell{Name: nv.Name, Version: nv.Version, OS: cmp.Or(a.OS, "ubuntu-jammy")})
		} else {
			d.releases = append(d.releases, nv)
			delete(d.packages, nv) // it has its source now
		}
	}
	t.ContextID = a.ContextID
	if len(d.lostUploads) > 0 {
		if d.lostUploads[0] == "hidden" {
			t.ContextID = ""
		}
		d.lostUploads = d.lostUploads[1:]
		d.add(t)
		return 0, fmt.Errorf("%w: 504", bosh.ErrUncertain)
	}
	return d.add(t), nil
}

// Diff gives the lines of one text that the other does not have.
func (d *fakeDirector) Diff(_ context.Context, deployment string, text []byte) (bosh.Diff, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("Diff"); err != nil {
		return bosh.Diff{}, err
	}
	if d.onDiff != nil {
		d.onDiff()
	}
	now, wanted := lines(d.deployed[deployment].Manifest), lines(d.resolve(text))
	diff := bosh.Diff{Context: fmt.Appendf(nil, `{"cloud_config_ids":[%d]}`, 1+d.configs), Lines: []bosh.DiffLine{{Text: "releases:"}}}
	if d.configs != d.deployedWith {
		diff.Lines = append(diff.Lines, bosh.DiffLine{Text: "vm_types:"}, bosh.DiffLine{Op: "added", Text: "- name: web"})
	}
	for _, line := range now {
		if !slices.Contains(wanted, line) {
			diff.Lines = append(diff.Lines, bosh.DiffLine{Op: "removed", Text: line})
		}
	}
	for _, line := range wanted {
		if !slices.Contains(now, line) {
			diff.Lines = append(diff.Lines, bosh.DiffLine{Op: "added", Text: line})
		}
	}
	return diff, nil
}

// resolve puts the newest Concourse in the place of latest, as a director does before it
// compares.
func (d *fakeDirector) resolve(text []byte) []byte {
	newest := ""
	for _, r := range d.releases {
		if r.Name == "concourse" {
			newest = max(newest, r.Version)
		}
	}
	return bytes.ReplaceAll(text, []byte("version: latest"), []byte("version: "+newest))
}

func lines(text []byte) []string { return strings.Split(strings.TrimSpace(string(text)), "\n") }

func (d *fakeDirector) Deploy(_ context.Context, text []byte, o bosh.DeployOptions) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("Deploy"); err != nil {
		return 0, err
	}
	if d.onDeploy != nil {
		d.onDeploy()
	}
	if d.lost == "dropped" {
		return 0, fmt.Errorf("%w: connection reset", bosh.ErrUncertain)
	}
	parsed, _ := deployment.Parse(template.File{Text: text})
	d.effects.add("deploy %s", parsed.Name)
	d.submitted, d.options = append(d.submitted, text), append(d.options, o)
	t := d.deploy
	t.Task = bosh.Task{Description: "create deployment", Deployment: parsed.Name, User: "ci", ContextID: o.ContextID, Result: t.Result}
	// It runs with the configs that its request has named, whatever is set meanwhile.
	var with int
	_, _ = fmt.Sscanf(string(o.DiffContext), `{"cloud_config_ids":[%d]}`, &with)
	t.then = func() { d.record(parsed.Name, text); d.deployedWith = max(with-1, 0) }
	switch d.lost {
	case "late":
		time.AfterFunc(late, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.add(t)
		})
	case "accepted":
		d.add(t)
	default:
		return d.add(t), nil
	}
	return 0, fmt.Errorf("%w: connection reset", bosh.ErrUncertain)
}

func (d *fakeDirector) Deployment(_ context.Context, name string) (bosh.Deployment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("Deployment"); err != nil {
		return bosh.Deployment{}, err
	}
	deployed, ok := d.deployed[name]
	if !ok {
		return bosh.Deployment{}, fmt.Errorf("deployment %s: %w", name, bosh.ErrNotFound)
	}
	return deployed, nil
}

func (d *fakeDirector) Manifest(ctx context.Context, name string) ([]byte, error) {
	deployed, err := d.Deployment(ctx, name)
	return deployed.Manifest, err
}

func (d *fakeDirector) Instances(context.Context, string) ([]bosh.Instance, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("Instances"); err != nil {
		return nil, fmt.Errorf("ask for the instances of deployment concourse: %w", err) // as the adapter does
	}
	if len(d.instances) == 0 {
		return nil, nil
	}
	now := d.instances[0]
	if len(d.instances) > 1 {
		d.instances = d.instances[1:]
	}
	return now, nil
}

// DiskUsage is that of every group; 0 is not known.
func (d *fakeDirector) DiskUsage(context.Context, string, string) (int, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.diskUsage, d.diskUsage > 0, d.enter("DiskUsage")
}

// Logs are those of every instance.
func (d *fakeDirector) Logs(_ context.Context, _, group, id string, _ ...string) (map[string][]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, "Logs of "+group+"/"+id)
	return d.logs, d.enter("Logs")
}

func (d *fakeDirector) ConfigServer(context.Context) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.configServer, d.enter("ConfigServer")
}

// CloudConfig has the number of sets as its id.
func (d *fakeDirector) CloudConfig(context.Context) (bosh.ConfigVersion, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("CloudConfig"); err != nil {
		return bosh.ConfigVersion{}, err
	}
	if d.cloudConfig == "" {
		return bosh.ConfigVersion{}, fmt.Errorf("read the cloud config: %w", bosh.ErrNotFound)
	}
	now := bosh.ConfigVersion{ID: fmt.Sprint(d.configs), Content: d.cloudConfig}
	if d.onCloudConfig != nil {
		d.onCloudConfig()
	}
	return now, nil
}

func (d *fakeDirector) UpdateConfig(_ context.Context, kind, name, content, id string) (bosh.ConfigVersion, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("UpdateConfig"); err != nil {
		return bosh.ConfigVersion{}, err
	}
	if kind != "cloud" || name != "default" {
		return bosh.ConfigVersion{}, fmt.Errorf("a config %s/%s was set", kind, name)
	}
	if id != "" && id != fmt.Sprint(d.configs) {
		return bosh.ConfigVersion{}, bosh.ErrConfigChanged
	}
	d.cloudConfig = content
	d.configs++
	d.effects.add("set cloud config")
	return bosh.ConfigVersion{ID: fmt.Sprint(d.configs), Content: content}, nil
}
