"""What the synthetic day is made of: invented companies, and sentences for each channel and tone.

Every name here is invented; a likeness to a real company, broker or ticker is an accident. `synthetic.py` fills the
slots in braces. The sentences say plainly what they say, so that a model that is any good agrees on their tone.
"""

from typing import NamedTuple


class Company(NamedTuple):
    """An invented company."""

    name: str
    ticker: str
    product: str
    division: str


COMPANIES = (
    Company("Bramwick Motors", "BRWK", "Kestrel hatchback", "electric vehicles"),
    Company("Norvane Bank", "NRVB", "savings account", "retail banking"),
    Company("Zelphia Pharma", "ZLPH", "migraine tablet", "clinical research"),
    Company("Orrinvale Energy", "ORVL", "heating oil", "offshore wind"),
    Company("Tarquell Airlines", "TQEL", "economy fare", "long-haul routes"),
    Company("Pellustra Stores", "PLST", "grocery range", "online retail"),
    Company("Drumquist Steel", "DRQS", "rolled steel", "rail products"),
    Company("Vantelope Software", "VNTP", "payroll suite", "cloud services"),
    Company("Halvorane Foods", "HLVF", "oat drink", "frozen meals"),
    Company("Cindermoor Chips", "CNDR", "memory chip", "data centre parts"),
    Company("Yarrowick Telecom", "YRWK", "fibre plan", "mobile network"),
    Company("Osterhelm Insurance", "OSTH", "home policy", "reinsurance"),
    Company("Quillmere Media", "QLMR", "streaming service", "sports rights"),
    Company("Tesselbay Shipping", "TSLB", "container service", "port logistics"),
    Company("Ferrowold Mining", "FRWD", "copper concentrate", "exploration"),
    Company("Lumavick Lighting", "LMVK", "smart lamp", "industrial lighting"),
    Company("Grenholt Hotels", "GRNH", "loyalty card", "city hotels"),
    Company("Pinderlake Paper", "PNDL", "packaging board", "recycling"),
    Company("Arvessa Robotics", "ARVS", "warehouse robot", "factory automation"),
    Company("Mossbridge Homes", "MSBH", "starter home", "land planning"),
    Company("Kalderon Medical", "KLDM", "insulin pump", "hospital supplies"),
    Company("Wrenfold Apparel", "WRNF", "rain jacket", "outlet stores"),
)

LENDERS = ("Copperlane Lending", "Fennick Credit", "Oakhurne Finance", "Tidewell Capital", "Brackenway Loans")
"""The invented lenders of the fraud story, none of them traded."""

ANALYSTS = ("Castlebrook Research", "Hollin & Pryce", "Northmark Securities", "Elderfield Partners", "Sable Street")
CITIES = (
    "Lisbon",
    "Toronto",
    "Oslo",
    "Denver",
    "Leeds",
    "Osaka",
    "Vienna",
    "Austin",
    "Perth",
    "Gdansk",
    "Lyon",
    "Nagoya",
)
WEEKDAYS = ("Wednesday", "Thursday", "Friday", "Monday")
MONTHS = ("January", "February", "April", "May", "June", "September", "October", "November")
QUARTERS = ("first-quarter", "second-quarter", "third-quarter", "fourth-quarter", "full-year")

NEWS = {
    "negative": (
        "{company} shares fall {pct}% after {quarter} profit misses forecasts",
        "{company} cuts its annual outlook, blames weak demand for its {product}",
        "{analyst} downgrades {company} to sell, citing shrinking margins in {division}",
        "{company} to cut {jobs} jobs in {city} as losses widen",
        "{company} loses ${amount} million contract to {rival}",
        "Workers at {company} in {city} strike over pay, halting production",
        "{company} warns of a shortage of its {product} through {month}",
        "{company} shares drop {pct}% as launch of its {product} is delayed again",
        "{company} posts surprise {quarter} loss of ${amount} million",
        "{company} stock slides to its lowest since {month} on weak guidance",
        "Fire shuts {company} plant in {city}, {jobs} workers sent home",
        "{company} fined ${amount} million over safety failures at {city} site",
        "Investors sue {company} over misleading statements on {division}",
        "{company} debt cut to junk as cash runs low",
        "{company} suspends its dividend after a bad year for {division}",
        "{company} shares plunge {pct}% as chief executive quits after weak {quarter} results",
        "Sales of the {company} {product} plunge {pct}% in {city}",
        "{company} writes off ${amount} million on failed {division} venture",
    ),
    "neutral": (
        "{company} to report {quarter} results on {weekday}",
        "{company} names new head of {division}",
        "{company} schedules annual meeting for {weekday} in {city}",
        "{company} finance chief to speak at {city} conference on {weekday}",
        "{analyst} starts coverage of {company} with a hold rating",
        "{company} moves its {division} office to {city}",
        "{company} keeps quarterly dividend at {cents} cents a share",
        "{company} files its {quarter} report with the regulator",
        "{company} and {rival} to exhibit at the {city} trade fair",
        "Trading volume in {ticker} in line with its {month} average",
        "{company} publishes agenda of its shareholder meeting in {city}",
        "{company} to change the name of its {division} unit in {month}",
        "{analyst} keeps its price target for {company} at ${amount}",
        "{company} appoints auditor for the coming year",
        "{company} to open registration for its {city} investor day on {weekday}",
        "{company} says {division} unit will report separately from {month}",
        "{company} transfers {jobs} employees from {city} to its {division} unit",
        "What to watch when {company} reports on {weekday}",
        "{company} updates packaging of its {product}",
        "{company} lists ${amount} million bond on the {city} exchange",
    ),
    "positive": (
        "{company} shares jump {pct}% after {quarter} profit beats forecasts",
        "{company} raises its annual outlook on strong demand for its {product}",
        "{analyst} upgrades {company} to buy, sees growth in {division}",
        "{company} shares rise {pct}% after it wins ${amount} million contract",
        "{company} profit soars {pct}% as orders grow, {jobs} new jobs in {city}",
        "{company} posts record {quarter} profit of ${amount} million",
        "{company} stock climbs to its highest since {month} on upbeat guidance",
        "New {company} {product} sells out in {city}, shares gain {pct}%",
        "{company} lifts dividend {pct}% after a strong year for {division}",
        "{company} wins award for best {product} in {city}",
        "{company} announces ${amount} million share buyback as profits soar",
        "Sales of the {company} {product} surge {pct}% in {city}",
        "{company} stock gains {pct}% on strong growth at its {city} site",
        "Customers praise the new {company} {product}, reviews show",
    ),
}

SOCIAL = {
    "negative": (
        "${ticker} down {pct}% and nobody at the company can explain why. Awful management",
        "I hate my {company} {product}, it broke after {few} days. Terrible, so angry 😡",
        "Sold all my ${ticker} today. Terrible {quarter} numbers, worse guidance",
        "{few} hours on hold with {company} support. Worst service ever",
        "${ticker} is a disaster. Margins falling, debt rising, I am out at ${amount}",
        "Terrible {company} {product}, I hate it so much. Worst thing I bought in {city}",
        "${ticker} is falling hard, I lost {pct}% this {month}. Awful stock 😞",
        "Horrible experience with {company} in {city} today, never again",
        "Bearish on ${ticker}, it will fall below ${amount}: weak {division}, losses everywhere",
        "@{handle} your {product} order is {few} days late and support ignores me. Pathetic",
    ),
    "neutral": (
        "Anyone know when ${ticker} reports? {weekday} or later?",
        "Does {company} still have an office in {city}?",
        "Watching ${ticker} around ${amount} into {weekday}, no position",
        "${ticker} options expire on {weekday}, {jobs} contracts open",
        "Reading the {company} {quarter} report tonight, {division} section first",
        "@{handle} is the {product} available in {city}?",
        "${ticker} at ${amount}, little changed before {weekday}",
        "{company} conference call is on {weekday} at {few} pm {city} time",
        "Which one do you use, the {company} {product} or the one from {rival}?",
        "List of companies that report on {weekday}: ${ticker}, ${rival_ticker} and a few others",
        "Is ${ticker} in the index since {month}, or was that ${rival_ticker}?",
        "{company} meeting in {city} starts at {few} pm on {weekday}",
    ),
    "positive": (
        "${ticker} up {pct}% today, great results and even better guidance 🚀",
        "Love my new {company} {product}, best purchase in {few} months",
        "Added more ${ticker} at ${amount}. Strong {division}, excellent management",
        "{company} support in {city} fixed my problem in {few} minutes. Amazing service!",
        "Bullish on ${ticker}: beautiful breakout, target ${amount}",
        "Huge congratulations to the {company} team on record {quarter} sales 🎉",
        "${ticker} gains keep coming, up {pct}% since {month}. So happy I held",
        "@{handle} thank you for the wonderful {product}, works perfectly after {few} weeks",
        "The {company} {product} is fantastic, everyone in {city} should try it",
        "What a quarter for ${ticker}! {division} growing {pct}%, impressive",
    ),
}

RECALL = {
    "news": (
        "{company} shares sink {pct}% after recall of {jobs} {product} cars over deadly brake failures",
        "Brake defect forces {company} to halt {product} sales in {city}",
        "Regulator opens probe into {company} brake failures after {few} crashes in {city}",
        "{company} shares crash {pct}% as {product} brake disaster gets worse",
        "{analyst} downgrades {company} to sell, warns recall will hurt profit by ${amount} million",
        "Families sue {company} over {product} crashes in {city}",
        "{company} knew of dangerous brake fault since {month}, documents show",
    ),
    "social": (
        "My {company} {product} brakes failed on the road in {city} today. Terrifying, this car is dangerous",
        "${ticker} collapsing on the {product} recall, down {pct}%. What a disaster",
        "@{handle} {few} calls and no answer about the brake recall. Disgraceful, fix my car",
        "Third {product} crash in {city} this month. {company} should be ashamed",
        "Dumped my ${ticker} at ${amount}. Faulty brakes, lawsuits, awful management",
        "Furious with {company}: {few} months of brake complaints ignored, now a recall",
        "Parked my {product} in {city} and I refuse to drive it. Unsafe junk from {company}",
        "${ticker} recall getting worse by the hour, {jobs} cars now. Ugly, very ugly",
    ),
}

OUTAGE = {
    "news": (
        "{company} outage leaves customers in {city} without access to money",
        "{company} apologises as failed payments hit {jobs} accounts",
        "Shares of {company} drop {pct}% as outage enters hour {few}",
    ),
    "social": (
        "{company} app down again, cannot pay for groceries in {city}. Useless bank",
        "@{handle} my card was declined {few} times, I have no money for the train home. Unacceptable",
        "{few} hours without access to my {product} at {company}. This is a disgrace",
        "My salary of ${amount} vanished from my {company} account and nobody answers. Furious",
        "Stuck at a hotel in {city} because {company} cards are not working. Worst bank ever",
        "@{handle} online banking broken, phone line dead, branch in {city} closed. Pathetic",
        "${ticker} outage is an embarrassment, leaving this terrible bank in {month}",
        "Rent of ${amount} bounced because the {company} system failed. So angry right now",
        "{company} locked me out of my account {few} hours ago and support hung up on me 😡",
        "Nightmare at the {company} cash machine in {city}, it swallowed my card and ${amount}",
    ),
}

FRAUD = {
    "news": (
        "Fraud scandal at {lender} deepens: executives charged, ${amount} million lost, collapse feared",
        "Court in {city} freezes assets of {lender} as fraud losses mount",
        "{lender} accused of cheating {jobs} borrowers in {city}, worst scandal in years",
        "Police raid {lender} in {city}, customers panic over fraud losses",
        "{lender} auditor quits over fake accounts, savers in {city} fear losses",
        "{lender} sued for stealing ${amount} million from pensioners in {city}, victims furious",
        "Watchdog bans {lender} managers for lying about loan losses",
        "{lender} files for bankruptcy after fraud charges, {jobs} savers lose money",
        "{lender} admits it misled regulators on ${amount} million of bad loans",
    ),
    "social": (
        "My parents lost ${amount} to {lender}. Criminals, lock them up",
        "{lender} lied to {jobs} people in {city} and the regulator slept. Disgusting fraud",
        "{lender} cheated me with a fake loan in {month}. Horrible people, I hate them",
    ),
}
