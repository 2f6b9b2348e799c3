package director

import (
	"math"
	"net/http"
	"strconv"
	"strings"
)

func (d *Director) configRoutes() []route {
	routes := []route{
		{method: "GET", path: "/configs", needs: needsConfigList, handle: d.listConfigs},
		{method: "GET", path: "/configs/:id", needs: needsRead, handle: d.showConfig},
		{method: "POST", path: "/configs", needs: needsTeam, consumes: consumesJSON, handle: d.postConfig},
		{method: "POST", path: "/configs/diff", needs: needsConfigList, consumes: consumesJSON, handle: d.diffConfig},
		{method: "DELETE", path: "/configs", needs: needsTeam, handle: d.deleteConfig},
		{method: "DELETE", path: "/configs/:id", needs: needsTeam, handle: d.deleteConfigByID},
		{method: "GET", path: "/deployment_configs", needs: needsRead, handle: d.listDeploymentConfigs},
	}
	for _, kind := range []string{"cloud", "runtime", "cpi"} {
		path := "/" + kind + "_configs"
		routes = append(routes,
			route{method: "GET", path: path, needs: needsRead, handle: func(c *call) { d.listOldConfigs(c, kind) }},
			route{method: "POST", path: path, consumes: consumesYAML, handle: func(c *call) { d.postOldConfig(c, kind) }},
			route{method: "POST", path: path + "/diff", consumes: consumesYAML, handle: func(c *call) { d.diffOldConfig(c, kind) }},
		)
	}
	return routes
}

func (d *Director) listConfigs(c *call) {
	limit := 1
	if c.query.Get("latest") == "false" {
		limit = math.MaxInt
	}
	if text := c.query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			c.fail(http.StatusBadRequest, failure(440010, "'limit' must be a number"))
			return
		}
		if n < 1 {
			c.fail(http.StatusBadRequest, failure(440010, "'limit' must be larger than zero"))
			return
		}
		limit = n
	}
	if latest := c.query.Get("latest"); c.query.Has("latest") && latest != "true" && latest != "false" {
		c.fail(http.StatusBadRequest, failure(440010, "'latest' must be 'true' or 'false'"))
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	views := []configView{}
	for _, found := range d.findConfigs(c.query.Get("type"), c.query.Get("name"), limit) {
		if c.has(d.scopesOf(found.teams(), true)) {
			views = append(views, d.viewConfig(found))
		}
	}
	c.list(views)
}

// configByID finds a config; without one the answer is written. The caller holds mu.
func (d *Director) configByID(c *call, id string) *config {
	for _, found := range d.configs {
		if strconv.Itoa(found.id) == id && !found.deleted {
			return found
		}
	}
	c.fail(http.StatusNotFound, failure(440012, "Config %s not found", id))
	return nil
}

func (d *Director) showConfig(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if found := d.configByID(c, c.params["id"]); found != nil {
		c.list(d.viewConfig(found))
	}
}

// postConfig answers POST /configs: a new version, or 412 if the current one is not the expected.
func (d *Director) postConfig(c *call) {
	request, ok := c.readConfigRequest()
	if !ok {
		return
	}
	f := request.named()
	var parsed mapping
	if f == nil {
		content := ""
		if request.Content != nil {
			content = *request.Content
		}
		parsed, f = parseContent(content)
	}
	if f != nil {
		c.fail(http.StatusBadRequest, f)
		return
	}
	d.mu.Lock()
	latest := "0"
	current := d.currentConfig(*request.Type, *request.Name)
	if current != nil {
		latest = strconv.Itoa(current.id)
	}
	d.mu.Unlock()
	expected := strings.Trim(string(request.Expected), `"`)
	if expected != "" && expected != "null" && expected != latest {
		c.html(http.StatusPreconditionFailed, string(encode(struct {
			Latest      string `json:"latest_id"`
			Expected    string `json:"expected_latest_id"`
			Description string `json:"description"`
		}{latest, expected, "Latest Id: '" + latest + "' does not match expected latest id"})))
		return
	}
	if current != nil && !d.owns(c, current.teams()) {
		return
	}
	if d.opts.StoreConfig != nil {
		d.opts.StoreConfig(*request.Type, *request.Name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	saved, created := d.saveConfigOver(current, *request.Type, *request.Name, *request.Content, parsed)
	if created {
		if teams := c.teams(); len(teams) > 0 {
			saved.team = teams[0]
		}
		d.configWritten(c, saved, auditEvent{Action: "create", ObjectType: "config/" + saved.kind})
	}
	c.html(http.StatusCreated, string(encode(d.viewConfig(saved))))
}

// configWritten records a new version. The caller holds mu.
func (d *Director) configWritten(c *call, saved *config, e auditEvent) {
	e.User, e.ObjectName = c.user, saved.name
	d.addEvent(e)
	d.effect(Effect{Kind: EffectConfig, Name: saved.kind + "/" + saved.name, User: c.user, ContextID: c.contextID})
}

func (d *Director) deleteConfig(c *call) {
	for _, key := range []string{"type", "name"} {
		if c.query.Get(key) == "" {
			c.fail(http.StatusBadRequest, failure(440010, "'%s' is required", key))
			return
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	current := d.currentConfig(c.query.Get("type"), c.query.Get("name"))
	if current == nil {
		c.noEndpoint() // an empty 404 is filled in so
		return
	}
	if !d.owns(c, current.teams()) {
		return
	}
	for _, found := range d.configs {
		if found.kind == c.query.Get("type") && found.name == c.query.Get("name") {
			found.deleted = true
		}
	}
	d.effect(Effect{Kind: EffectDelete, Name: "config/" + c.query.Get("type") + "/" + c.query.Get("name"), User: c.user})
	c.empty(http.StatusNoContent)
}

func (d *Director) deleteConfigByID(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if found := d.configByID(c, c.params["id"]); found != nil && d.owns(c, found.teams()) {
		found.deleted = true
		d.effect(Effect{Kind: EffectDelete, Name: "config/" + found.kind + "/" + found.name, User: c.user})
		c.empty(http.StatusNoContent)
	}
}

// diffConfig answers POST /configs/diff, against the current version or between two given sides.
func (d *Director) diffConfig(c *call) {
	request, ok := c.readConfigRequest()
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if request.From != nil && request.To != nil {
		before, ok := d.side(c, request.From)
		if !ok {
			return
		}
		if after, ok := d.side(c, request.To); ok {
			c.list(map[string]any{"diff": diff(before, after, true)})
		}
		return
	}
	if f := request.named(); f != nil || request.Content == nil {
		c.fail(http.StatusBadRequest, failure(440010, "The following request formats are allowed:\n"+
			`1. {"from":<config>,"to":<config>} where <config> is either {"id":"<id>"} or {"content":"<content>"}`+"\n"+
			`2. {"type":"<type>","name":"<name>","content":"<content>"}`))
		return
	}
	after, f := parseContent(*request.Content)
	if f != nil {
		c.html(http.StatusBadRequest, string(encode(map[string]any{"diff": []any{}, "error": "Unable to diff config content: " + f.Message})))
		return
	}
	from, before := "0", mapping(nil)
	if current := d.currentConfig(*request.Type, *request.Name); current != nil {
		from, before = strconv.Itoa(current.id), current.parsed
	}
	c.list(struct {
		From map[string]string `json:"from"`
		Diff [][2]any          `json:"diff"`
	}{map[string]string{"id": from}, diff(before, after, true)})
}

// side reads one side of a diff; after a failure the answer is written. The caller holds mu.
func (d *Director) side(c *call, s *configSide) (mapping, bool) {
	if s.ID != nil {
		found := d.configByID(c, *s.ID)
		if found == nil {
			return nil, false
		}
		return found.parsed, true
	}
	content := ""
	if s.Content != nil {
		content = *s.Content
	}
	m, f := parseContent(content)
	if f != nil {
		c.fail(http.StatusBadRequest, f)
		return nil, false
	}
	return m, true
}
