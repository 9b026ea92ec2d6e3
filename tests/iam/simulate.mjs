// Asks @cloud-copilot/iam-simulate, an IAM engine that somebody else wrote, for its decisions.
// stdin:  [{"identity": policy or null, "resource": policy or null,
//           "cases": [{"principal", "action", "arn", "account", "context"}]}]
// stdout: for each of them a list of decisions, as "Allowed" or "ImplicitlyDenied"
// The argument is the folder that holds node_modules: nothing is installed into this checkout.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { runSimulation } = createRequire(`${process.argv[2]}/`)('@cloud-copilot/iam-simulate')

const decide = async (identity, resource, { principal, action, arn, account, context }) => {
  const answer = await runSimulation({
    request: {
      principal,
      action,
      resource: { resource: arn, accountId: account },
      contextVariables: context,
    },
    identityPolicies: identity ? [{ name: 'identity', policy: identity }] : [],
    resourcePolicy: resource ?? undefined,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  }, {})
  if (answer.resultType === 'error') throw new Error(`${action}: ${JSON.stringify(answer.errors)}`)
  return answer.overallResult
}

const questions = JSON.parse(readFileSync(0, 'utf8'))
const decisions = []
for (const { identity, resource, cases } of questions) {
  decisions.push(await Promise.all(cases.map((asked) => decide(identity, resource, asked))))
}
process.stdout.write(JSON.stringify(decisions))
