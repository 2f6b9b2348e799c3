package stack_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

// The file testdata/specification.json holds, of AWS's own resource specification,
// the types that the template uses. It is written again, after a type was added, by
//
//	npm pack @aws-cdk/cfnspec@2.72.1 && tar xzf aws-cdk-cfnspec-2.72.1.tgz
//	go test ./pkg/aws/stack -run TestTemplate_fitsTheSpecification -specification=$PWD/package/spec/specification.json
var specificationFile = flag.String("specification", "", "AWS's specification.json, to write testdata/specification.json from")

const extract = "testdata/specification.json"

// specification is AWS's resource specification, as far as it is looked at.
type specification struct {
	Version       string              `json:"ResourceSpecificationVersion"` // "117.0.0"
	ResourceTypes map[string]specType `json:"ResourceTypes"`
	PropertyTypes map[string]specType `json:"PropertyTypes"`
}

// specType is the type of a resource or of a part of one.
type specType struct {
	Attributes map[string]any          `json:"Attributes,omitempty"`
	Properties map[string]specProperty `json:"Properties"`
}

// specProperty is one property.
type specProperty struct {
	Required          bool   `json:"Required,omitempty"`
	PrimitiveType     string `json:"PrimitiveType,omitempty"` // "String", "Integer", "Boolean", "Json"
	Type              string `json:"Type,omitempty"`          // "List", "Map", or a property type
	ItemType          string `json:"ItemType,omitempty"`
	PrimitiveItemType string `json:"PrimitiveItemType,omitempty"`
	UpdateType        string `json:"UpdateType,omitempty"` // "Mutable", "Immutable", "Conditional"
}

// load reads the extract, after writing it again if that was asked for.
func load(t *testing.T, template *cloudformation.Template) specification {
	t.Helper()
	if *specificationFile != "" {
		writeExtract(t, template)
	}
	var out specification
	text, err := os.ReadFile(extract)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// writeExtract keeps what the template uses.
func writeExtract(t *testing.T, template *cloudformation.Template) {
	t.Helper()
	var all, kept specification
	text, err := os.ReadFile(*specificationFile)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	kept = specification{Version: all.Version, ResourceTypes: map[string]specType{}, PropertyTypes: map[string]specType{}}
	var keep func(resource string, s specType)
	keep = func(resource string, s specType) {
		for _, p := range s.Properties {
			if name, part, ok := all.part(resource, p); ok {
				if _, known := kept.PropertyTypes[name]; !known {
					kept.PropertyTypes[name] = part
					keep(resource, part)
				}
			}
		}
	}
	for _, r := range template.Resources {
		if s, ok := all.ResourceTypes[r.Type]; ok {
			kept.ResourceTypes[r.Type] = s
			keep(r.Type, s)
		}
	}
	text, err = json.MarshalIndent(kept, "", " ")
	if err == nil {
		err = os.WriteFile(extract, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// part gives the property type of a property, or of its items.
func (s specification) part(resource string, p specProperty) (name string, part specType, ok bool) {
	name = p.Type
	if p.ItemType != "" {
		name = p.ItemType
	}
	if part, ok = s.PropertyTypes[resource+"."+name]; ok {
		return resource + "." + name, part, true
	}
	part, ok = s.PropertyTypes[name]
	return name, part, ok
}

// check lists what is wrong with the properties of a resource, or of a part of one.
func (s specification) check(resource, at string, of specType, given map[string]any) []string {
	var out []string
	for name, p := range of.Properties {
		if _, ok := given[name]; !ok && p.Required {
			out = append(out, at+" lacks "+name)
		}
	}
	for name, value := range given {
		p, ok := of.Properties[name]
		if !ok {
			out = append(out, at+" has no property "+name)
			continue
		}
		out = append(out, s.checkValue(resource, at+"."+name, p, value)...)
	}
	return out
}

// checkValue lists what is wrong with one value.
func (s specification) checkValue(resource, at string, p specProperty, value any) []string {
	if p.Type == "List" {
		items, ok := value.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, want a list", at, value)}
		}
		var out []string
		p.Type = p.ItemType
		p.PrimitiveType, p.PrimitiveItemType = p.PrimitiveItemType, ""
		for i, item := range items {
			out = append(out, s.checkValue(resource, at+"["+strconv.Itoa(i)+"]", p, item)...)
		}
		return out
	}
	text := fmt.Sprint(value)
	_, isMapping := value.(map[string]any)
	_, isList := value.([]any)
	wrong := false
	switch p.PrimitiveType {
	case "":
		_, part, ok := s.part(resource, p)
		if !ok || !isMapping {
			return []string{fmt.Sprintf("%s is %v, want a %s", at, value, p.Type)}
		}
		return s.check(resource, at, part, value.(map[string]any))
	case "String":
		wrong = isMapping || isList
	case "Integer", "Long":
		_, err := strconv.Atoi(text)
		wrong = err != nil
	case "Boolean":
		wrong = text != "true" && text != "false"
	case "Json":
		wrong = !isMapping && !json.Valid([]byte(text))
	default:
		wrong = true
	}
	if wrong {
		return []string{fmt.Sprintf("%s is %v, want a %s", at, value, p.PrimitiveType)}
	}
	return nil
}

// TestTemplate_fitsTheSpecification looks at the resources as they come out of the
// evaluated template, with everything on and with as little as possible.
func TestTemplate_fitsTheSpecification(t *testing.T) {
	template, err := cloudformation.Parse(layout.Template())
	if err != nil {
		t.Fatal(err)
	}
	spec := load(t, template)
	seen := map[string]bool{}
	for title, p := range map[string]layout.Parameters{"ordinary": parameters(), "everything": everything(), "little": little()} {
		w := newWorld(t)
		w.made(t, p)
		for id, r := range w.there(t).Resources {
			seen[id] = true
			of, ok := spec.ResourceTypes[r.Type]
			if !ok {
				t.Errorf("%s: %s has type %s, which AWS does not know", title, id, r.Type)
			}
			for _, problem := range spec.check(r.Type, id, of, r.Properties) {
				t.Errorf("%s: %s", title, problem)
			}
			_, taggable := of.Properties["Tags"]
			if taggable && (r.Tags["Name"] == "" || r.Tags["perpetual:name"] != "ci" || r.Tags["team"] != "build = test" && id != "KeyPair") {
				t.Errorf("%s: %s has the tags %v", title, id, r.Tags)
			}
		}
	}
	for id := range template.Resources {
		if !seen[id] {
			t.Errorf("no parameters here make %s, so that it was not looked at", id)
		}
	}
}

func TestTemplate_asksForAttributesThatThereAre(t *testing.T) {
	template, err := cloudformation.Parse(layout.Template())
	if err != nil {
		t.Fatal(err)
	}
	spec := load(t, template)
	asked := 0
	ask := func(at string, value any) {
		cloudformation.Walk(value, func(function string, argument any) {
			list, _ := argument.([]any)
			if function != "Fn::GetAtt" || len(list) != 2 {
				return
			}
			asked++
			r, ok := template.Resources[fmt.Sprint(list[0])]
			if _, known := spec.ResourceTypes[r.Type].Attributes[fmt.Sprint(list[1])]; !ok || !known {
				t.Errorf("%s asks for %v, which %s does not have", at, list, r.Type)
			}
		})
	}
	for id, r := range template.Resources {
		ask(id, map[string]any(r.Properties))
	}
	for name, o := range template.Outputs {
		ask(name, o.Value)
	}
	if asked < 15 {
		t.Errorf("only %d attributes were looked at", asked)
	}
}

func TestSimulator_replacesWhatTheSpecificationSays(t *testing.T) {
	template, err := cloudformation.Parse(layout.Template())
	if err != nil {
		t.Fatal(err)
	}
	spec := load(t, template)
	for _, id := range template.Order {
		r := template.Resources[id]
		for name := range r.Properties {
			want := spec.ResourceTypes[r.Type].Properties[name].UpdateType == "Immutable"
			if got := cloudformation.Replaces(r.Type, name); got != want {
				t.Errorf("a change of %s's %s replaces it: %v, AWS says %v", r.Type, name, got, want)
			}
		}
	}
}

// everything turns all conditions of the template on.
func everything() layout.Parameters {
	p := parameters()
	p.Zones = append(p.Zones, "eu-central-1c")
	p.PublicCIDRs, p.PrivateCIDRs = append(p.PublicCIDRs, "10.0.2.0/24"), append(p.PrivateCIDRs, "10.0.48.0/20")
	for i := range 7 {
		p.WebCIDRs = append(p.WebCIDRs, fmt.Sprintf("192.0.2.%d/32", i))
		p.DirectorCIDRs = append(p.DirectorCIDRs, fmt.Sprintf("192.0.2.%d/32", i))
	}
	p.Domain, p.HostedZone = "ci.example.com", "Z0123456789ABC"
	p.Issuer, p.PipelineSubject = "https://ci.example.com", "perpetual/self-upgrade"
	p.StateKey = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000000"
	p.PermissionsBoundary = "arn:aws:iam::123456789012:policy/boundary"
	p.DatabaseMultiZone, p.DatabaseVersion = true, "17"
	p.UpgradeWorker = true
	return p
}

// little is one zone of a VPC that exists, with a database on a VM.
func little() layout.Parameters {
	p := parameters()
	p.Zones, p.PublicCIDRs, p.PrivateCIDRs = p.Zones[:1], p.PublicCIDRs[:1], p.PrivateCIDRs[:1]
	p.ExistingVPC, p.ExistingPublicSubnets, p.ExistingPrivateSubnets = "vpc-1", []string{"subnet-1"}, []string{"subnet-2"}
	p.Database, p.StateBucket = false, ""
	return p
}

// texts are all texts in a value.
func texts(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, item := range v {
			out = append(out, texts(item)...)
		}
		return out
	case map[string]any:
		var out []string
		for key, item := range v {
			out = append(append(out, key), texts(item)...)
		}
		slices.Sort(out)
		return out
	}
	return nil
}
