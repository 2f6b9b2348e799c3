package artifact

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/upload"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// Stemcell is a row of the director's stemcell table.
type Stemcell struct {
	stemcellManifest
	id       int
	cid      string
	unlisted bool // a delete was tried: uploads of it are wanted again, though it is there
}

// Label names a stemcell: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent/1.484".
func (s *Stemcell) Label() string { return s.Name + "/" + s.Version }

// deploymentName is how lists name the users of a stemcell.
type deploymentName struct {
	Name string `json:"name"` // "dep1"
}

// stemcellView is a stemcell as JSON.
type stemcellView struct {
	Name        string           `json:"name"`             // "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
	OS          string           `json:"operating_system"` // "ubuntu-jammy"
	Version     string           `json:"version"`          // "1.484"
	CID         string           `json:"cid"`              // the cloud's id
	CPI         string           `json:"cpi"`              // "" with a single CPI
	Deployments []deploymentName `json:"deployments"`
	API         int              `json:"api_version"` // 3
	ID          int              `json:"id"`          // 2
}

func (t *Stock) stemcellRoutes() []api.Route {
	return []api.Route{
		{Method: "GET", Path: "/stemcells", Needs: api.NeedsList, Handle: t.listStemcells},
		{Method: "POST", Path: "/stemcells", Needs: api.NeedsStemcellUpload, Consumes: api.ConsumesJSON, Handle: t.postStemcell},
		{Method: "POST", Path: "/stemcells", Needs: api.NeedsStemcellUpload, Consumes: api.ConsumesCompressed, Handle: t.postStemcell},
		{Method: "POST", Path: "/stemcell_uploads", Needs: api.NeedsStemcellUpload, Consumes: api.ConsumesJSON, Handle: t.stemcellNeeded},
		{Method: "DELETE", Path: "/stemcells/:name/:version", Handle: t.deleteStemcell},
	}
}

func (t *Stock) listStemcells(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	views := []stemcellView{}
	for _, s := range t.stemcells {
		view := stemcellView{Name: s.Name, OS: s.OS, Version: s.Version, CID: s.cid, API: s.API, ID: s.id, Deployments: []deploymentName{}}
		for _, name := range t.users.StemcellUsers(s) {
			view.Deployments = append(view.Deployments, deploymentName{name})
		}
		views = append(views, view)
	}
	c.List(views)
}

// findStemcell is the stemcell of a name and version, nil if it is absent. The caller holds the lock.
func (t *Stock) findStemcell(name, version string) *Stemcell {
	for _, s := range t.stemcells {
		if s.Name == name && s.Version == version {
			return s
		}
	}
	return nil
}

// stemcellNeeded answers POST /stemcell_uploads, with which the CLI asks before it uploads.
func (t *Stock) stemcellNeeded(c *api.Call) {
	body, ok := c.ReadBody()
	if !ok {
		return
	}
	var request struct {
		Stemcell struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"stemcell"`
	}
	if json.Unmarshal(body, &request) != nil {
		c.Empty(http.StatusInternalServerError)
		return
	}
	t.Lock()
	defer t.Unlock()
	s := t.findStemcell(request.Stemcell.Name, request.Stemcell.Version)
	c.List(map[string]bool{"needed": s == nil || s.unlisted})
}

func (t *Stock) postStemcell(c *api.Call) {
	up, ok := upload.Read(c, "stemcell")
	if !ok {
		return
	}
	c.Redirect(t.queue.Submit(c, &task.Row{Description: "create stemcell", Work: func(j *task.Job) (string, error) { return t.createStemcell(j, up) }}))
}

// createStemcell is the task that uploads a stemcell.
func (t *Stock) createStemcell(j *task.Job, up *upload.Upload) (string, error) {
	total := 5
	if up.Remote != nil {
		total++
		if up.Remote.SHA1 != "" {
			total++
		}
	}
	s := j.Stage("Update stemcell", total)
	if up.Remote != nil {
		if err := s.Step("Downloading remote stemcell", func(*task.Step) error { return up.Download(j, t.fetch) }); err != nil {
			return "", err
		}
		if up.Remote.SHA1 != "" {
			if err := s.Step("Verifying remote stemcell", func(*task.Step) error { return up.Verify() }); err != nil {
				return "", err
			}
		}
	}
	var m stemcellManifest
	if err := s.Step("Extracting stemcell archive", func(*task.Step) (err error) {
		m, err = readStemcell(up.Archive)
		return err
	}); err != nil {
		return "", err
	}
	if err := s.Step("Verifying stemcell manifest", func(*task.Step) error { return j.Sleep(50 * time.Millisecond) }); err != nil {
		return "", err
	}
	release, err := j.Acquire("lock:stemcells:"+m.Name+":"+m.Version, t.queue.LockWait)
	if err != nil {
		return "", err
	}
	defer release()
	return "/stemcells/" + m.Name + "/" + m.Version, t.saveStemcell(j, s, m, up.Fix)
}

// saveStemcell makes the stemcell, or makes it again if fix was asked for.
func (t *Stock) saveStemcell(j *task.Job, s *task.Stage, m stemcellManifest, fix bool) error {
	label, cid := m.Name+"/"+m.Version, uuid.New()
	var existing *Stemcell
	if err := s.Step("Checking if this stemcell already exists", func(*task.Step) error {
		t.Lock()
		defer t.Unlock()
		existing = t.findStemcell(m.Name, m.Version)
		return nil
	}); err != nil {
		return err
	}
	uploading := "Uploading stemcell " + label + " to the cloud"
	if existing != nil && !fix {
		return s.Step(uploading+" (already exists, skipped)", func(*task.Step) error { return nil })
	}
	if err := s.Step(uploading, func(*task.Step) error { return j.Sleep(300 * time.Millisecond) }); err != nil {
		return err
	}
	return s.Step("Save stemcell "+label+" ("+cid+")", func(*task.Step) error {
		return j.Change(func() {
			if existing != nil {
				existing.cid, existing.unlisted = cid, false
			} else {
				t.addStemcell(m, cid)
			}
			j.Effect(store.EffectUpload, "stemcell/"+label)
		})
	})
}

// addStemcell makes a row. The caller holds the lock.
func (t *Stock) addStemcell(m stemcellManifest, cid string) {
	t.stemcells = append(t.stemcells, &Stemcell{stemcellManifest: m, id: t.Next("stemcell"), cid: cid})
}

func (t *Stock) deleteStemcell(c *api.Call) {
	name, version := c.Params["name"], c.Params["version"]
	c.Redirect(t.queue.Submit(c, &task.Row{Description: "delete stemcell: " + name + "/" + version, Work: func(j *task.Job) (string, error) {
		release, err := j.Acquire("lock:stemcells:"+name+":"+version, t.queue.LockWait)
		if err != nil {
			return "", err
		}
		defer release()
		return "/stemcells/" + name + "/" + version, t.removeStemcell(j, name, version)
	}}))
}

// removeStemcell deletes a stemcell that no deployment uses.
func (t *Stock) removeStemcell(j *task.Job, name, version string) error {
	t.Lock()
	s := t.findStemcell(name, version)
	var users []string
	if s != nil {
		users = t.users.StemcellUsers(s)
		s.unlisted = true
	}
	t.Unlock()
	if s == nil {
		return api.NewFailure(50003, "Stemcell '%s/%s' doesn't exist", name, version)
	}
	if len(users) > 0 {
		return api.NewFailure(50004, "Stemcell '%s' is still in use by: %s", s.Label(), strings.Join(users, ", "))
	}
	return j.Stage("Deleting stemcells", 1).Step(s.Label(), func(*task.Step) error { return t.dropStemcell(j, s) })
}

func (t *Stock) dropStemcell(j *task.Job, s *Stemcell) error {
	return j.Change(func() {
		t.stemcells = slices.DeleteFunc(t.stemcells, func(other *Stemcell) bool { return other == s })
		j.Effect(store.EffectDelete, "stemcell/"+s.Label())
	})
}
