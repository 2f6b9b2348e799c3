package aws

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
)

// Parameter is a parameter of SSM.
type Parameter struct {
	Type    string // "SecureString"
	Value   string
	Tags    map[string]string
	Version int
}

// SetParameter makes a parameter exist.
func (c *Cloud) SetParameter(name string, p Parameter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parameters[name] = &p
}

// DeleteParameter makes one vanish.
func (c *Cloud) DeleteParameter(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.parameters, name)
}

// Parameters are the parameters as they are.
func (c *Cloud) Parameters() map[string]Parameter {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]Parameter{}
	for name, p := range c.parameters {
		copied := *p
		copied.Tags = maps.Clone(p.Tags)
		all[name] = copied
	}
	return all
}

// ssmRequest holds what the requests that are served may hold.
type ssmRequest struct {
	Name, Value, Type, Tier, Path, NextToken, ResourceId string
	Overwrite                                            bool
	Names                                                []string
	Tags                                                 []jsonTag
}

type jsonTag struct{ Key, Value string }

// serveSSM follows the AWS Systems Manager API reference, for parameters.
func (c *Cloud) serveSSM(w http.ResponseWriter, r *http.Request, in *call) {
	s := service{protocol: json11}
	var q ssmRequest
	if err := json.Unmarshal(in.body, &q); err != nil {
		s.refuse(w, r, refusal{400, "SerializationException", "the request is not a JSON object"})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.parameters[q.Name]
	if q.ResourceId != "" {
		found = c.parameters[q.ResourceId]
	}
	switch in.action {
	case "GetParameter":
		if found == nil {
			s.refuse(w, r, refusal{400, "ParameterNotFound", ""})
			return
		}
		writeJSON(w, map[string]any{"Parameter": map[string]any{"Name": q.Name, "Type": found.Type, "Value": found.Value, "Version": found.Version}})
	case "PutParameter":
		if refused := c.putParameter(q, found); refused != nil {
			s.refuse(w, r, *refused)
			return
		}
		writeJSON(w, map[string]any{"Version": c.parameters[q.Name].Version, "Tier": "Standard"})
	case "GetParametersByPath":
		c.parametersByPath(w, q)
	case "DeleteParameters":
		deleted := []string{}
		for _, name := range q.Names {
			if c.parameters[name] != nil {
				delete(c.parameters, name)
				deleted = append(deleted, name)
			}
		}
		writeJSON(w, map[string]any{"DeletedParameters": deleted})
	case "ListTagsForResource", "AddTagsToResource":
		c.parameterTags(w, r, in.action, q, found)
	default:
		s.refuse(w, r, refusal{400, "UnknownOperationException", in.action})
	}
}

// putParameter writes one, or says why not.
func (c *Cloud) putParameter(q ssmRequest, found *Parameter) *refusal {
	switch {
	case found != nil && !q.Overwrite:
		return &refusal{400, "ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."}
	case q.Overwrite && len(q.Tags) > 0:
		return &refusal{400, "ValidationException", "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag."}
	case q.Value == "" || len(q.Value) > 8192 || len(q.Value) > 4096 && q.Tier != "Advanced" && q.Tier != "Intelligent-Tiering":
		return &refusal{400, "ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters."}
	case len(q.Names) > 10:
		return &refusal{400, "ValidationException", "Member must have length less than or equal to 10"}
	}
	if found == nil {
		found = &Parameter{Tags: map[string]string{}}
		c.parameters[q.Name] = found
	}
	found.Type, found.Value = q.Type, q.Value
	found.Version++
	for _, tag := range q.Tags {
		found.Tags[tag.Key] = tag.Value
	}
	return nil
}

// parametersByPath lists them, in pages of ten.
func (c *Cloud) parametersByPath(w http.ResponseWriter, q ssmRequest) {
	all := []any{}
	for _, name := range sorted(c.parameters) {
		if strings.HasPrefix(name, strings.TrimSuffix(q.Path, "/")+"/") {
			all = append(all, map[string]any{"Name": name, "Type": c.parameters[name].Type})
		}
	}
	some, next := page(all, q.NextToken, 10)
	out := map[string]any{"Parameters": some}
	if next != "" {
		out["NextToken"] = next
	}
	writeJSON(w, out)
}

// parameterTags reads or adds tags.
func (c *Cloud) parameterTags(w http.ResponseWriter, r *http.Request, action string, q ssmRequest, found *Parameter) {
	if found == nil {
		service{protocol: json11}.refuse(w, r, refusal{400, "InvalidResourceId", "The resource ID is not valid."})
		return
	}
	if action == "AddTagsToResource" {
		if found.Tags == nil {
			found.Tags = map[string]string{}
		}
		for _, tag := range q.Tags {
			found.Tags[tag.Key] = tag.Value
		}
		writeJSON(w, struct{}{})
		return
	}
	tags := []jsonTag{}
	for _, key := range sorted(found.Tags) {
		tags = append(tags, jsonTag{key, found.Tags[key]})
	}
	writeJSON(w, map[string]any{"TagList": tags})
}
