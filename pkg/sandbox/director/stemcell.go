package director

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// stemcell is a row of the director's stemcell table.
type stemcell struct {
	stemcellManifest
	id       int
	cid      string
	unlisted bool // a delete was tried: uploads of it are wanted again, though it is there
}

func (s *stemcell) label() string { return s.name + "/" + s.version }

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

func (t *stock) stemcellRoutes() []api.Route {
	return []api.Route{
		{Method: "GET", Path: "/stemcells", Needs: api.NeedsList, Handle: t.listStemcells},
		{Method: "POST", Path: "/stemcells", Needs: api.NeedsStemcellUpload, Consumes: api.ConsumesJSON, Handle: t.postStemcell},
		{Method: "POST", Path: "/stemcells", Needs: api.NeedsStemcellUpload, Consumes: api.ConsumesCompressed, Handle: t.postStemcell},
		{Method: "POST", Path: "/stemcell_uploads", Needs: api.NeedsStemcellUpload, Consumes: api.ConsumesJSON, Handle: t.stemcellNeeded},
		{Method: "DELETE", Path: "/stemcells/:name/:version", Handle: t.deleteStemcell},
	}
}

func (t *stock) listStemcells(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	views := []stemcellView{}
	for _, s := range t.stemcells {
		view := stemcellView{Name: s.name, OS: s.os, Version: s.version, CID: s.cid, API: s.api, ID: s.id, Deployments: []deploymentName{}}
		for _, name := range t.users.StemcellUsers(s) {
			view.Deployments = append(view.Deployments, deploymentName{name})
		}
		views = append(views, view)
	}
	c.List(views)
}

// findStemcell is the stemcell of a name and version, nil if it is absent. The caller holds the lock.
func (t *stock) findStemcell(name, version string) *stemcell {
	for _, s := range t.stemcells {
		if s.name == name && s.version == version {
			return s
		}
	}
	return nil
}

// stemcellNeeded answers POST /stemcell_uploads, with which the CLI asks before it uploads.
func (t *stock) stemcellNeeded(c *api.Call) {
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

func (t *stock) postStemcell(c *api.Call) {
	up, ok := readUpload(c, "stemcell")
	if !ok {
		return
	}
	c.Redirect(t.queue.submit(c, &row{description: "create stemcell", work: func(j *job) (string, error) { return t.createStemcell(j, up) }}))
}

// createStemcell is the task that uploads a stemcell.
func (t *stock) createStemcell(j *job, up *upload) (string, error) {
	total := 5
	if up.remote != nil {
		total++
		if up.remote.SHA1 != "" {
			total++
		}
	}
	s := j.stage("Update stemcell", total)
	if up.remote != nil {
		if err := s.step("Downloading remote stemcell", func(*step) error { return up.download(j, t.fetch) }); err != nil {
			return "", err
		}
		if up.remote.SHA1 != "" {
			if err := s.step("Verifying remote stemcell", func(*step) error { return up.verify() }); err != nil {
				return "", err
			}
		}
	}
	var m stemcellManifest
	if err := s.step("Extracting stemcell archive", func(*step) (err error) {
		m, err = readStemcell(up.archive)
		return err
	}); err != nil {
		return "", err
	}
	if err := s.step("Verifying stemcell manifest", func(*step) error { return j.sleep(50 * time.Millisecond) }); err != nil {
		return "", err
	}
	release, err := j.acquire("lock:stemcells:"+m.name+":"+m.version, t.queue.lockWait)
	if err != nil {
		return "", err
	}
	defer release()
	return "/stemcells/" + m.name + "/" + m.version, t.saveStemcell(j, s, m, up.fix)
}

// saveStemcell makes the stemcell, or makes it again if fix was asked for.
func (t *stock) saveStemcell(j *job, s *stage, m stemcellManifest, fix bool) error {
	label, cid := m.name+"/"+m.version, uuid.New()
	var existing *stemcell
	if err := s.step("Checking if this stemcell already exists", func(*step) error {
		t.Lock()
		defer t.Unlock()
		existing = t.findStemcell(m.name, m.version)
		return nil
	}); err != nil {
		return err
	}
	uploading := "Uploading stemcell " + label + " to the cloud"
	if existing != nil && !fix {
		return s.step(uploading+" (already exists, skipped)", func(*step) error { return nil })
	}
	if err := s.step(uploading, func(*step) error { return j.sleep(300 * time.Millisecond) }); err != nil {
		return err
	}
	return s.step("Save stemcell "+label+" ("+cid+")", func(*step) error {
		return j.change(func() {
			if existing != nil {
				existing.cid, existing.unlisted = cid, false
			} else {
				t.addStemcell(m, cid)
			}
			j.effect(store.EffectUpload, "stemcell/"+label)
		})
	})
}

// addStemcell makes a row. The caller holds the lock.
func (t *stock) addStemcell(m stemcellManifest, cid string) {
	t.stemcells = append(t.stemcells, &stemcell{stemcellManifest: m, id: t.Next("stemcell"), cid: cid})
}

func (t *stock) deleteStemcell(c *api.Call) {
	name, version := c.Params["name"], c.Params["version"]
	c.Redirect(t.queue.submit(c, &row{description: "delete stemcell: " + name + "/" + version, work: func(j *job) (string, error) {
		release, err := j.acquire("lock:stemcells:"+name+":"+version, t.queue.lockWait)
		if err != nil {
			return "", err
		}
		defer release()
		return "/stemcells/" + name + "/" + version, t.removeStemcell(j, name, version)
	}}))
}

// removeStemcell deletes a stemcell that no deployment uses.
func (t *stock) removeStemcell(j *job, name, version string) error {
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
		return api.NewFailure(50004, "Stemcell '%s' is still in use by: %s", s.label(), strings.Join(users, ", "))
	}
	return j.stage("Deleting stemcells", 1).step(s.label(), func(*step) error { return t.dropStemcell(j, s) })
}

func (t *stock) dropStemcell(j *job, s *stemcell) error {
	return j.change(func() {
		t.stemcells = slices.DeleteFunc(t.stemcells, func(other *stemcell) bool { return other == s })
		j.effect(store.EffectDelete, "stemcell/"+s.label())
	})
}
