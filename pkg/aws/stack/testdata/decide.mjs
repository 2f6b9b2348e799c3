// Decides what decisions.json asks, by an evaluator that is not ours. By hand, after
// `go test ./pkg/aws/stack -run TestEvaluator -update`:
//
//   npm install --no-save @cloud-copilot/iam-simulate   (AGPL: run, never shipped or linked)
//   node decide.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const file = new URL('decisions.json', import.meta.url).pathname
const text = readFileSync(file, 'utf8')
const all = JSON.parse(text)
for (const one of all.cases) {
  const contextVariables = Object.fromEntries(Object.entries(one.keys).map(([k, v]) => [k, v.length === 1 ? v[0] : v]))
  const answer = await runSimulation({
    identityPolicies: all.policies[one.who].map((policy, i) => ({ name: `p${i}`, policy })),
    serviceControlPolicies: [], resourceControlPolicies: [],
    request: { action: one.action, principal: 'arn:aws:iam::123456789012:user/ada', resource: { accountId: '123456789012', resource: one.resource }, contextVariables },
  }, {})
  if (answer.resultType !== 'single') throw new Error(`${JSON.stringify(one)}: ${JSON.stringify(answer.errors ?? answer.resultType)}`)
  one.allowed = answer.overallResult === 'Allowed'
}
const head = text.slice(0, text.indexOf('"cases": ['))
writeFileSync(file, head + '"cases": [\n' + all.cases.map(c => JSON.stringify(c)).join(',\n') + '\n]}\n')
