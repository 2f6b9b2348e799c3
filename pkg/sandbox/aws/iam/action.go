package iam

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed actions.json
var facts []byte

// action is what the service authorization reference says of an action, as far as the
// policies here have to do with it.
type action struct {
	Name string // "ec2:TerminateInstances"
	// Types are the types of its resources with the condition keys of each; none: the
	// action knows no resources but "*".
	Types map[string][]string
	Keys  []string // condition keys of the action itself
}

var actions, formats = load()

// load reads actions.json: {"formats": {"ec2:instance": "arn:*:ec2:*:*:instance/*"},
// "actions": {"ec2:TerminateInstances": {"types": {"instance": ["ec2:InstanceType"]}}}}.
func load() (map[string]action, map[string]string) {
	var all struct {
		Formats map[string]string
		Actions map[string]action
	}
	if err := json.Unmarshal(facts, &all); err != nil {
		panic(fmt.Sprintf("actions.json: %v", err))
	}
	byName := map[string]action{}
	for name, a := range all.Actions {
		a.Name = name
		byName[strings.ToLower(name)] = a
	}
	return byName, all.Formats
}

// service is that of an action, "ec2".
func (a action) service() string {
	service, _, _ := strings.Cut(a.Name, ":")
	return service
}

// kind is the type of a resource of the action. That of "*" is "".
func (a action) kind(arn string) (string, error) {
	if arn == "*" {
		return "", nil
	}
	for kind := range a.Types {
		if likeARN(formats[a.service()+":"+kind], arn) && !a.narrower(kind, arn) {
			return kind, nil
		}
	}
	return "", fmt.Errorf("judge %s on %s: the action knows no such resource", a.Name, arn)
}

// narrower says whether another type fits better: every object of S3 looks like a bucket.
func (a action) narrower(kind, arn string) bool {
	return a.service() == "s3" && kind == "bucket" && strings.Contains(arn, "/")
}

// knows says whether requests of the action on such a resource have a condition key.
func (a action) knows(kind, key string) bool {
	for _, global := range []string{"aws:CalledVia", "aws:RequestedRegion", "aws:SecureTransport", "aws:PrincipalArn", "aws:SourceIp"} {
		if strings.EqualFold(global, key) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Concat(a.Keys, a.Types[kind]), func(known string) bool {
		prefix, isMap := strings.CutSuffix(known, "*")
		if isMap {
			return len(key) > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix)
		}
		return strings.EqualFold(known, key)
	})
}

// Idle lists what in a policy can never take effect: actions that do not exist,
// resources that none of a statement's actions knows, and condition keys that one of
// them does not have for any of the statement's resources, so that it is never allowed.
func Idle(p Policy) []string {
	var found []string
	for i, s := range p.Statements {
		title := s.Sid
		if title == "" {
			title = fmt.Sprintf("statement %d", i+1)
		}
		touched := map[string]bool{}
		for _, pattern := range s.Actions {
			some := false
			for _, a := range matching(pattern) {
				some = true
				if problem := s.idle(a, touched); problem != "" && !strings.Contains(pattern, "*") {
					found = append(found, title+": "+problem)
				}
			}
			if !some {
				found = append(found, fmt.Sprintf("%s: there is no action %s", title, pattern))
			}
		}
		for _, resource := range s.Resources {
			if !touched[resource] && resource != "*" {
				found = append(found, fmt.Sprintf("%s: no action of it knows %s", title, resource))
			}
		}
	}
	slices.Sort(found)
	return found
}

// matching are the actions that a pattern names.
func matching(pattern string) []action {
	var list []action
	for name, a := range actions {
		if like(strings.ToLower(pattern), name) {
			list = append(list, a)
		}
	}
	return list
}

// idle says why a statement never allows an action. It notes the resources that the
// action knows.
func (s Statement) idle(a action, touched map[string]bool) string {
	effective := slices.Contains(s.Resources, "*")
	for _, resource := range s.Resources {
		for kind := range a.Types {
			if !overlap(resource, formats[a.service()+":"+kind]) {
				continue
			}
			touched[resource] = true
			effective = effective || !slices.ContainsFunc(s.Conditions, func(c Condition) bool {
				return c.Operator != "Null" && !c.IfExists && !a.knows(kind, c.Key)
			})
		}
	}
	if effective {
		return ""
	}
	return fmt.Sprintf("it never allows %s", a.Name)
}

// overlap says whether some ARN fits a statement's Resource and the form of a type's
// ARNs, part by part.
func overlap(one, other string) bool {
	if vague(one) {
		return false
	}
	a, b := strings.SplitN(one, ":", 6), strings.SplitN(other, ":", 6)
	if len(a) != 6 || len(b) != 6 {
		return one == "*" || other == "*"
	}
	for i := range a {
		if !meet(a[i], b[i]) {
			return false
		}
	}
	return true
}

// meet says whether some text fits both patterns.
func meet(a, b string) bool {
	switch {
	case a == "" && b == "":
		return true
	case strings.HasPrefix(a, "*"):
		return meet(a[1:], b) || b != "" && meet(a, b[1:])
	case strings.HasPrefix(b, "*"):
		return meet(b, a)
	case a == "" || b == "":
		return false
	}
	return (a[0] == b[0] || a[0] == '?' || b[0] == '?') && meet(a[1:], b[1:])
}
