"""Names for people, companies and products, of several scripts. Data only."""

FIRST = (
    "Anna", "Björn", "Chloé", "Dmitri", "Elif", "Farid", "Giulia", "Håkon", "Inés", "Jürgen", "Katarzyna", "Luís",
    "Mei", "Ngozi", "Olga", "Priya", "Quentin", "Renée", "Søren", "Tatjana", "Umberto", "Виктор", "Ольга", "Дмитрий",
    "Мария", "美咲", "健太", "小明", "지훈", "محمد", "Ελένη", "Żaneta",
)  # fmt: skip
LAST = (
    "Andersson", "Bianchi", "Çelik", "Dubois", "Eriksen", "Ferreira", "García", "Hofmann", "Ivanova", "Janssen",
    "Kowalczyk", "Lindqvist", "Müller", "Novák", "O'Connor", "Papadopoulos", "Rossi", "Schäfer", "Tanaka", "Ünal",
    "Петров", "Сидорова", "Кузнецов", "佐藤", "鈴木", "王", "김", "الفارسي", "van der Berg", "Weiß",
)  # fmt: skip
COMPANY = (
    "Aurora", "Baltic", "Cobalt", "Delta", "Ekström", "Fjord", "Granit", "Helios", "Iberia", "Juniper", "Kestrel",
    "Лазурит", "Meridian", "Nordwind", "Orion", "Полюс", "Quarz", "Río Claro", "Süd-West", "Tundra", "Ursa", "Восход",
    "Welle", "Xenon", "Yamato", "Zephyr", "東和", "株式会社サクラ", "한빛", "Αθηνά",
)  # fmt: skip
TRADE = (
    "Logistics", "Foods", "Systems", "Pharma", "Energie", "Retail", "Bank", "Textiles", "Robotics", "Marine", "Media",
    "Строй", "Medical", "Papier", "Optics", "Metall",
)  # fmt: skip
FORM = ("GmbH", "AB", "S.p.A.", "Ltd", "Inc.", "ООО", "S.A.", "B.V.", "Oy", "K.K.")
PRODUCT = ("Platform", "Suite", "Analytics", "Onboarding", "Support plan", "Licences", "Лицензии", "Consulting", "API")
INDUSTRY = (
    "COMPUTER_SOFTWARE", "BANKING", "RETAIL", "LOGISTICS_AND_SUPPLY_CHAIN", "PHARMACEUTICALS", "FOOD_PRODUCTION",
    "HOSPITAL_HEALTH_CARE", "UTILITIES",
)  # fmt: skip
COUNTRY = (
    "Germany",
    "Sweden",
    "Italy",
    "United Kingdom",
    "United States",
    "Россия",
    "España",
    "日本",
    "Polska",
    "France",
)
LOST_REASONS = ("Price", "No budget", "Competitor", "No decision", "Цена", "Timing", "Product gap", "")
WON_REASONS = ("Product fit", "Price", "Relationship", "Référence client", "")
TEAMS = (("701", "DACH"), ("702", "Nordics"), ("703", "Юг и Восток"), ("704", "Renewals"))
# (original source, its detail, record source, its detail, utm medium)
SOURCES = (
    ("ORGANIC_SEARCH", "google", "CONTACTS", "Website form", "organic"),
    ("PAID_SEARCH", "brand-search", "FORM", "Demo request", "cpc"),
    ("PAID_SOCIAL", "linkedin-q3", "FORM", "Whitepaper", "paid_social"),
    ("EMAIL_MARKETING", "newsletter", "INTEGRATION", "Mail tool", "email"),
    ("REFERRALS", "partner.example.com", "CRM_UI", "", "referral"),
    ("DIRECT_TRAFFIC", "", "CRM_UI", "", ""),
    ("OFFLINE", "trade fair", "IMPORT", "fair.csv", ""),
    ("OTHER_CAMPAIGNS", "вебинар", "FORM", "Вебинар", "webinar"),
)
