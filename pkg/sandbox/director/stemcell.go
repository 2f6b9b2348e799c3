package director

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
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

func (d *Director) stemcellRoutes() []route {
	return []route{
		{method: "GET", path: "/stemcells", needs: needsList, handle: d.listStemcells},
		{method: "POST", path: "/stemcells", needs: needsStemcellUpload, consumes: consumesJSON, handle: d.postStemcell},
		{method: "POST", path: "/stemcells", needs: needsStemcellUpload, consumes: consumesCompressed, handle: d.postStemcell},
		{method: "POST", path: "/stemcell_uploads", needs: needsStemcellUpload, consumes: consumesJSON, handle: d.stemcellNeeded},
		{method: "DELETE", path: "/stemcells/:name/:version", handle: d.deleteStemcell},
	}
}

// usersOf names the deployments that match, newest first. The caller holds mu.
func (d *Director) usersOf(uses func(*deployment) bool) []string {
	var names []string
	for _, dep := range slices.Backward(d.deployments) {
		if uses(dep) {
			names = append(names, dep.name)
		}
	}
	return names
}

func (d *Director) stemcellUsers(s *stemcell) []string {
	return d.usersOf(func(dep *deployment) bool { return slices.Contains(dep.stemcells, s) })
}

func (d *Director) listStemcells(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	views := []stemcellView{}
	for _, s := range d.stemcells {
		view := stemcellView{Name: s.name, OS: s.os, Version: s.version, CID: s.cid, API: s.api, ID: s.id, Deployments: []deploymentName{}}
		for _, name := range d.stemcellUsers(s) {
			view.Deployments = append(view.Deployments, deploymentName{name})
		}
		views = append(views, view)
	}
	c.list(views)
}

// findStemcell is the stemcell of a name and version, nil if it is absent. The caller holds mu.
func (d *Director) findStemcell(name, version string) *stemcell {
	for _, s := range d.stemcells {
		if s.name == name && s.version == version {
			return s
		}
	}
	return nil
}

// stemcellNeeded answers POST /stemcell_uploads, with which the CLI asks before it uploads.
func (d *Director) stemcellNeeded(c *call) {
	body, ok := c.body()
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
		c.empty(http.StatusInternalServerError)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.findStemcell(request.Stemcell.Name, request.Stemcell.Version)
	c.list(map[string]bool{"needed": s == nil || s.unlisted})
}

func (d *Director) postStemcell(c *call) {
	up, ok := c.readUpload("stemcell")
	if !ok {
		return
	}
	c.redirect(d.submit(c, &task{description: "create stemcell", work: func(j *job) (string, error) { return up.createStemcell(j) }}))
}

// createStemcell is the task that uploads a stemcell.
func (up *upload) createStemcell(j *job) (string, error) {
	total := 5
	if up.remote != nil {
		total++
		if up.remote.SHA1 != "" {
			total++
		}
	}
	s := j.stage("Update stemcell", total)
	if up.remote != nil {
		if err := s.step("Downloading remote stemcell", func(*step) error { return up.download(j) }); err != nil {
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
	release, err := j.acquire("lock:stemcells:"+m.name+":"+m.version, j.d.opts.LockWait)
	if err != nil {
		return "", err
	}
	defer release()
	return "/stemcells/" + m.name + "/" + m.version, up.saveStemcell(j, s, m)
}

// saveStemcell makes the stemcell, or makes it again if fix was asked for.
func (up *upload) saveStemcell(j *job, s *stage, m stemcellManifest) error {
	label, cid := m.name+"/"+m.version, newUUID()
	var existing *stemcell
	if err := s.step("Checking if this stemcell already exists", func(*step) error {
		j.d.mu.Lock()
		defer j.d.mu.Unlock()
		existing = j.d.findStemcell(m.name, m.version)
		return nil
	}); err != nil {
		return err
	}
	uploading := "Uploading stemcell " + label + " to the cloud"
	if existing != nil && !up.fix {
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
				j.d.addStemcell(m, cid)
			}
			j.effect(EffectUpload, "stemcell/"+label)
		})
	})
}

// addStemcell makes a row. The caller holds mu.
func (d *Director) addStemcell(m stemcellManifest, cid string) {
	d.stemcells = append(d.stemcells, &stemcell{stemcellManifest: m, id: d.next("stemcell"), cid: cid})
}

func (d *Director) deleteStemcell(c *call) {
	name, version := c.params["name"], c.params["version"]
	c.redirect(d.submit(c, &task{description: "delete stemcell: " + name + "/" + version, work: func(j *job) (string, error) {
		release, err := j.acquire("lock:stemcells:"+name+":"+version, j.d.opts.LockWait)
		if err != nil {
			return "", err
		}
		defer release()
		return "/stemcells/" + name + "/" + version, j.removeStemcell(name, version)
	}}))
}

// removeStemcell deletes a stemcell that no deployment uses.
func (j *job) removeStemcell(name, version string) error {
	j.d.mu.Lock()
	s := j.d.findStemcell(name, version)
	var users []string
	if s != nil {
		users = j.d.stemcellUsers(s)
		s.unlisted = true
	}
	j.d.mu.Unlock()
	if s == nil {
		return failure(50003, "Stemcell '%s/%s' doesn't exist", name, version)
	}
	if len(users) > 0 {
		return failure(50004, "Stemcell '%s' is still in use by: %s", s.label(), strings.Join(users, ", "))
	}
	return j.stage("Deleting stemcells", 1).step(s.label(), func(*step) error { return j.dropStemcell(s) })
}

func (j *job) dropStemcell(s *stemcell) error {
	return j.change(func() {
		j.d.stemcells = slices.DeleteFunc(j.d.stemcells, func(other *stemcell) bool { return other == s })
		j.effect(EffectDelete, "stemcell/"+s.label())
	})
}
