package cloudformation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/handler"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
)

// forbidden says why the caller of an operation may not do what a task is for; "" if it
// may.
func (s *engine) forbidden(st *stack, t *task) string {
	judge := st.operation.judge
	if judge == nil {
		return ""
	}
	l := cmp.Or(t.old, st.live[t.id])
	was, to := l, (*resource.Live)(nil)
	var fresh *resource.Live
	if t.action == "CREATE" || t.action == "UPDATE" {
		var err error
		if fresh, err = s.foreseen(st, t.id); err != nil {
			return "" // which carryOut will say
		}
		to = fresh
		if l == nil || resource.Replacement(fresh.Type, l.Differ(fresh.Properties, fresh.Metadata)) == "True" {
			l, was = fresh, nil
		}
	} else if t.action == "REVERT" {
		to = st.operation.before.live[t.id]
	}
	if l == nil || t.action == "DELETE" && (l.Policy == "Retain" || slices.Contains(st.operation.retain, t.id)) {
		return ""
	}
	return s.rights.Forbidden(judge, handler.Deed{Resource: l, Was: was, To: to, Action: t.action, Making: l == fresh})
}

// foreseen is a resource before it is made, as far as its calls need it.
func (s *engine) foreseen(st *stack, id string) (*resource.Live, error) {
	r := st.template.Resources[id]
	sc := s.scope(st, st.wanted, st.live, nil)
	properties, err := sc.Value(map[string]any(r.Properties))
	if err != nil {
		return nil, err
	}
	metadata, err := sc.Value(map[string]any(r.Metadata))
	if err != nil {
		return nil, err
	}
	l := &resource.Live{LogicalID: id, Type: r.Type, Properties: properties.(map[string]any), Metadata: metadata.(map[string]any), Attributes: map[string]string{}, PhysicalID: st.name + "-" + id + "-0123456789AB"}
	l.Tags = l.AllTags(st.tags)
	if l.Type == resource.DatabaseType || l.Type == "AWS::RDS::DBSubnetGroup" {
		l.PhysicalID = strings.ToLower(l.PhysicalID)
	}
	if l.Type == "AWS::EC2::KeyPair" {
		l.PhysicalID = fmt.Sprint(l.Properties["KeyName"])
	}
	if l.Type == "AWS::IAM::OIDCProvider" {
		l.PhysicalID = "oidc-provider/" + strings.TrimPrefix(fmt.Sprint(l.Properties["Url"]), "https://")
	}
	return l, nil
}
