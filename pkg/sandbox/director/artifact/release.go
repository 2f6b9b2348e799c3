package artifact

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/upload"
)

// Release is a row of the director's table of release versions.
type Release struct {
	releaseManifest
	Seeded bool // without an archive: it has every job that is asked for
}

// Label names a version of a release: "bpm/1.4.38".
func (r *Release) Label() string { return r.Name + "/" + r.Version }

// releaseSeries is a release with its versions, as GET /releases lists it.
type releaseSeries struct {
	Name     string           `json:"name"` // "concourse"
	Versions []releaseVersion `json:"release_versions"`
}

// releaseVersion is one version of a release.
type releaseVersion struct {
	Version     string   `json:"version"`     // "8.2.5"
	CommitHash  string   `json:"commit_hash"` // "e6e2b28"
	Uncommitted bool     `json:"uncommitted_changes"`
	Deployed    bool     `json:"currently_deployed"`
	JobNames    []string `json:"job_names"` // ["web", "worker"]
}

// FindRelease is the version of a release, nil if it is absent. The caller holds the lock.
func (t *Stock) FindRelease(name, version string) *Release {
	for _, r := range t.releases {
		if r.Name == name && r.Version == version {
			return r
		}
	}
	return nil
}

// Versions are those of one release, oldest first. The caller holds the lock.
func (t *Stock) Versions(name string) []*Release {
	var found []*Release
	for _, r := range t.releases {
		if r.Name == name {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b *Release) int { return CompareVersions(a.Version, b.Version) })
	return found
}

// series lists all releases by name. The caller holds the lock.
func (t *Stock) series() []releaseSeries {
	all := []releaseSeries{}
	var names []string
	for _, r := range t.releases {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		s := releaseSeries{Name: name}
		for _, r := range t.Versions(name) {
			jobs := []string{}
			for _, j := range r.Jobs {
				jobs = append(jobs, j.Name)
			}
			slices.Sort(jobs)
			s.Versions = append(s.Versions, releaseVersion{r.Version, r.commit, r.uncommitted, len(t.users.ReleaseUsers(r)) > 0, jobs})
		}
		all = append(all, s)
	}
	return all
}

func (t *Stock) postRelease(c *api.Call) {
	up, ok := upload.Read(c, "release")
	if !ok {
		return
	}
	c.Redirect(t.queue.Submit(c, &task.Row{Description: "create release", Work: func(j *task.Job) (string, error) { return t.createRelease(j, up) }}))
}

// createRelease is the task that uploads a release.
func (t *Stock) createRelease(j *task.Job, up *upload.Upload) (string, error) {
	if up.Remote != nil {
		if err := j.Alone("Downloading remote release", func(*task.Step) error { return up.Download(j, t.fetch) }); err != nil {
			return "", err
		}
		if up.Remote.SHA1 != "" {
			if err := j.Alone("Verifying remote release", func(*task.Step) error { return up.Verify() }); err != nil {
				return "", err
			}
		}
	}
	var m releaseManifest
	if err := j.Alone("Extracting release", func(*task.Step) (err error) {
		m, err = readRelease(up.Archive)
		return err
	}); err != nil {
		return "", err
	}
	if err := j.Alone("Verifying manifest", func(*task.Step) error { return j.Sleep(50 * time.Millisecond) }); err != nil {
		return "", err
	}
	release, err := j.Acquire("lock:release:"+m.Name, 30*t.queue.LockWait)
	if err != nil {
		return "", err
	}
	defer release()
	return "Created release '" + m.Name + "/" + m.Version + "'", t.saveRelease(j, m, up.Fix)
}

// saveRelease makes the rows of a release with the stages that show them.
func (t *Stock) saveRelease(j *task.Job, m releaseManifest, fix bool) error {
	if err := j.Alone("Resolving package dependencies", func(*task.Step) error { return nil }); err != nil {
		return err
	}
	t.Lock()
	existing := t.FindRelease(m.Name, m.Version)
	t.Unlock()
	if existing == nil {
		existing = &Release{releaseManifest: releaseManifest{Name: m.Name, Version: m.Version, commit: m.commit, uncommitted: m.uncommitted}}
	} else if existing.commit != m.commit || existing.uncommitted != m.uncommitted {
		return api.NewFailure(30014, "release '%s/%s' has already been uploaded with commit_hash as '%s' and uncommitted_changes as '%t'",
			m.Name, m.Version, existing.commit, existing.uncommitted)
	}
	for _, group := range []struct {
		noun  string
		code  int
		parts []*Part
		of    func(*Release) *[]*Part
	}{
		{"package", 30012, m.Packages, func(r *Release) *[]*Part { return &r.Packages }},
		{"job", 30013, m.Jobs, func(r *Release) *[]*Part { return &r.Jobs }},
	} {
		for _, p := range group.parts {
			if old := PartNamed(*group.of(existing), p.Name); old != nil && old.Fingerprint != p.Fingerprint {
				return api.NewFailure(group.code, "%s '%s' had different fingerprint in previously uploaded release '%s/%s'", group.noun, p.Name, m.Name, m.Version)
			}
		}
		if err := t.saveParts(j, existing, group.noun, group.parts, group.of, fix); err != nil {
			return err
		}
	}
	return j.Stage("Release has been created", 1).Step(m.Name+"/"+m.Version, func(*task.Step) error {
		return j.Change(func() {
			if !slices.Contains(t.releases, existing) {
				t.releases = append(t.releases, existing)
			}
			j.Effect(store.EffectUpload, "release/"+m.Name+"/"+m.Version)
		})
	})
}

// PartNamed finds a part by its name, nil if it is absent.
func PartNamed(parts []*Part, name string) *Part {
	for _, p := range parts {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// saveParts gives a release its jobs or packages. One whose fingerprint the
// release has had in some version is taken from there, and the bytes that came
// are dropped, whatever they are; with fix they replace those that are there.
func (t *Stock) saveParts(j *task.Job, r *Release, noun string, parts []*Part, of func(*Release) *[]*Part, fix bool) error {
	kept := slices.Clone(parts)
	var fresh []*Part
	t.Lock()
	for i, p := range parts {
		if old := t.knownPart(r.Name, p, of); old != nil {
			kept[i] = old
		} else {
			fresh = append(fresh, p)
		}
	}
	t.Unlock()
	if len(fresh) > 0 {
		s := j.Stage("Creating new "+noun+"s", len(fresh))
		for _, p := range fresh {
			if err := s.Step(p.Name+"/"+p.Version, func(*task.Step) error {
				if noun == "job" {
					if err := p.check(); err != nil {
						return err
					}
				}
				return j.Sleep(50 * time.Millisecond)
			}); err != nil {
				return err
			}
		}
	}
	if n := len(parts) - len(fresh); n > 0 {
		plural := "s"
		if n == 1 {
			plural = ""
		}
		if err := j.Alone(fmt.Sprintf("Processing %d existing %s%s", n, noun, plural), func(*task.Step) error { return nil }); err != nil {
			return err
		}
	}
	return j.Change(func() {
		for i, p := range kept {
			if p != parts[i] && fix && parts[i].packed {
				p.files, p.targets, p.sha1 = parts[i].files, parts[i].targets, parts[i].sha1
				p.Revision++
			}
			if p != parts[i] {
				p.gain(parts[i])
			}
			if PartNamed(*of(r), p.Name) == nil {
				*of(r) = append(*of(r), p)
			}
		}
	})
}

// knownPart is the row of a job or package of a release with the same
// fingerprint, nil if there is none. The caller holds the lock.
func (t *Stock) knownPart(release string, p *Part, of func(*Release) *[]*Part) *Part {
	for _, r := range t.Versions(release) {
		if old := PartNamed(*of(r), p.Name); old != nil && old.Fingerprint == p.Fingerprint && old.Version == p.Version {
			return old
		}
	}
	return nil
}

// fingerprints are those of all packages. The caller holds the lock.
func (t *Stock) fingerprints() map[string]bool {
	known := map[string]bool{}
	for _, r := range t.releases {
		for _, p := range r.Packages {
			known[p.Fingerprint] = true
		}
	}
	return known
}

// JobTemplate gives a template of a job of a release as the director has it, and
// whether it has it: ("perpetual", "1.0.0", "gate", "post-start").
func (t *Stock) JobTemplate(release, version, job, template string) ([]byte, bool) {
	t.Lock()
	defer t.Unlock()
	r := t.FindRelease(release, version)
	if r == nil {
		return nil, false
	}
	p := PartNamed(r.Jobs, job)
	if p == nil {
		return nil, false
	}
	content, ok := p.files["templates/"+template]
	return bytes.Clone(content), ok
}

func (t *Stock) deleteRelease(c *api.Call) {
	name, version := c.Params["name"], c.Query.Get("version")
	t.Lock()
	versions := t.Versions(name)
	t.Unlock()
	if len(versions) == 0 {
		c.Fail(http.StatusNotFound, api.NewFailure(30005, "Release '%s' doesn't exist", name))
		return
	}
	if version != "" {
		versions = slices.DeleteFunc(versions, func(r *Release) bool { return r.Version != version })
		if len(versions) == 0 {
			c.Fail(http.StatusNotFound, api.NewFailure(30006, "Release version '%s/%s' doesn't exist", name, version))
			return
		}
	}
	c.Redirect(t.queue.Submit(c, &task.Row{Description: "delete release: " + name, Work: func(j *task.Job) (string, error) {
		release, err := j.Acquire("lock:release:"+name, t.queue.LockWait)
		if err != nil {
			return "", err
		}
		defer release()
		return "/release/" + name, t.removeReleases(j, versions)
	}}))
}

// removeReleases deletes versions that no deployment uses.
func (t *Stock) removeReleases(j *task.Job, versions []*Release) error {
	for _, r := range versions {
		t.Lock()
		users := t.users.ReleaseUsers(r)
		t.Unlock()
		if len(users) > 0 {
			return api.NewFailure(30008, "ReleaseVersion '%s' is still in use by: %s", r.Label(), strings.Join(users, ", "))
		}
	}
	s := j.Stage("Deleting releases", len(versions))
	for _, r := range versions {
		if err := s.Step(r.Label(), func(*task.Step) error { return t.dropRelease(j, r) }); err != nil {
			return err
		}
	}
	return nil
}

func (t *Stock) dropRelease(j *task.Job, r *Release) error {
	return j.Change(func() {
		t.releases = slices.DeleteFunc(t.releases, func(other *Release) bool { return other == r })
		j.Effect(store.EffectDelete, "release/"+r.Label())
	})
}
