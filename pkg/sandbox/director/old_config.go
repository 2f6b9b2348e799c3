package director

import (
	"net/http"
	"strconv"
)

// oldConfigView is a config as the routes of one type give it.
type oldConfigView struct {
	Properties string `json:"properties"` // the YAML text
	CreatedAt  string `json:"created_at"` // "2026-11-21 09:40:37 UTC"
}

// oldName is the name that those routes mean.
func oldName(c *call) string {
	if name := c.query.Get("name"); name != "" {
		return name
	}
	return "default"
}

func (d *Director) listOldConfigs(c *call, kind string) {
	limit, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil {
		c.empty(http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	views := []oldConfigView{}
	for _, found := range d.findConfigs(kind, oldName(c), limit) {
		views = append(views, oldConfigView{found.content, stamp(found.created)})
	}
	c.list(views)
}

// readOldConfig reads a YAML body; after a failure the answer is written.
func (c *call) readOldConfig() (string, mapping, bool) {
	text, document, f := c.yaml()
	if f != nil {
		c.fail(http.StatusBadRequest, f)
		return "", nil, false
	}
	return text, document, true
}

func (d *Director) postOldConfig(c *call, kind string) {
	text, document, ok := c.readOldConfig()
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	saved, created := d.saveConfig(kind, oldName(c), text, document)
	if created {
		d.configWritten(c, saved, auditEvent{Action: "update", ObjectType: kind + "-config"})
	}
	c.html(http.StatusCreated, "")
}

func (d *Director) diffOldConfig(c *call, kind string) {
	_, after, ok := c.readOldConfig()
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var before mapping
	if current := d.currentConfig(kind, oldName(c)); current != nil {
		before = current.parsed
	}
	c.list(map[string]any{"diff": diff(before, after, true)})
}

// yaml reads a YAML body that must be a mapping.
func (c *call) yaml() (string, mapping, *Failure) {
	body, ok := c.body()
	if !ok {
		return "", nil, failure(440001, "Manifest could not be read")
	}
	if len(body) == 0 {
		return "", nil, failure(440001, "Manifest should not be empty")
	}
	v, err := parseYAML(body)
	if err != nil {
		return "", nil, failure(440001, "Incorrect YAML structure of the uploaded manifest: #<Psych::SyntaxError: %s>", psych(err))
	}
	m, ok := v.(mapping)
	if !ok {
		return "", nil, failure(440001, "Incorrect YAML structure of the uploaded manifest")
	}
	return string(body), m, nil
}
