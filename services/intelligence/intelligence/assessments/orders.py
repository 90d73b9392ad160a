# ruff: noqa: RUF001  # other scripts' letters and marks are what this file is about
"""What orders to a grader look like, language by language: patterns over one sentence. Pure data.

Each language says the same four things: forget the rules, give all the points, "dear grader", and "this answer deserves
everything". Only what addresses the grader is meant. Imperatives are told from statements (`ignora` at the start of a
clause, `無視してください` but not `無視してしまう`), so that an answer about prompts and scores stays an answer.
"""

# What may stand in front of an imperative in languages where its form is also a statement's.
_CLAUSE = r"(?:^|[:;,.¡!\"'“«(\-]|\b{0}\b)\s*"


def _near(first: str, second: str, gap: int) -> str:
    """Either of two things within so many characters after the other."""
    return rf"(?:{first}.{{0,{gap}}}{second}|{second}.{{0,{gap}}}{first})"


_GRADER = r"(grader|examiner|evaluator|marker|teacher|reviewer|instructor)"
_WORK = r"(this|my|the|the following) (answer|response|submission|essay|text|work)"
_GIVE = r"\b(give|award|grant|assign)\b"
_CREDIT = r"(marks?|points?|credits?|scores?|grades?|10|ten)"

_ENGLISH = (
    (
        r"(^|[:;,.\"'“(\-]|\b(please|now|then|must|should|you|and|so)\b)\s*"
        r"(ignore|disregard|forget|override|bypass|skip)\b.{0,60}"
        r"\b(instruct\w*|prompts?|rules?|guidelines?|above|previous|prior|earlier)\b"
    ),
    # apart from the one above: a lesson on prompt injection may quote that one, and never this one
    r"(^|\W|\bplease )(ignore|disregard|forget|override|bypass|skip) .{0,60}\b(rubrics?|criteri\w+|marking scheme)\b",
    rf"{_GIVE}.{{0,30}}\b(me|full|maximum|perfect|the student|{_WORK})\b.{{0,40}}\b{_CREDIT}\b",
    rf"{_GIVE}.{{0,30}}\b{_CREDIT}\b.{{0,30}}\b(me|{_WORK})\b",
    (
        rf"\b(grade|score|mark|rate|judge|treat|count|evaluate|assess|accept|consider|approve)\b\s({_WORK}|it|"
        r"everything|(all|every|each)( of)?( the| my)? criteri\w+)\b.{0,60}"
        r"\b(full|perfect|correct|excellent|10|ten|maximum|100|met|satisfied|complete|on[- ]topic)\b"
    ),
    rf"\b(dear|hey|hello|hi)\b.{{0,20}}\b({_GRADER}|assistant|model|ai)\b",
    rf"\b(attention|note|message|instructions?|notice|memo)\W+((to|for)\W+)?((the|my|all)\W+)?{_GRADER}s?\b",
    rf"\b(as|for) (the|my|a|your|an) {_GRADER}\b",
    (
        rf"\b(you|{_GRADER})\b.{{0,20}}\b(must|will|shall|should|have to|are to|need to)\b.{{0,30}}"
        rf"\b((grade|award|score|mark|give|accept|approve|credit)\s+(it|me|full|all|every|maximum|perfect|{_WORK})"
        r"|agree|confirm that|obey|comply|output|return)\b"
    ),
    r"\byou (are|act) now\b|\byou are (a|an|my) (\w+ )?(grader|examiner|evaluator|assistant|teacher)\b",
    (
        r"\bplease\b.{0,40}\b(grade|award|score|mark|rate|give|accept|approve|agree|confirm|credit|"
        r"be (kind|lenient|generous|fair))\b"
    ),
    r"\b(new|updated|real|secret|revised)\s(instructions?|orders?|directives?)\b\s*(:|for\b)",
    r"\b(system|developer|admin|administrator|root) ?(override|mode|notice|note)\b",
    r"^\W*(system|developer|assistant|admin|user|human)( (prompt|message))?\s*:",
    r"\b(level|grade|score|off_topic)[\"']?\s*[:=]\s*[\"']?(full|10\b|ten|false|100|perfect)",
    r"</?\s*(input|task|system|answer|rubric|criteria|criterion|instructions?|grade)\s*>",
    r"\bset\b.{0,30}\b(level|score|grade|off_topic)s?\b.{0,10}\b(to|=)",
    r"\b(full|maximum|max|perfect)\s(possible\s)?(marks?|credits?|points|scores?|grades?)\b",
    (
        r"\b(all|every|each|any) (answers?|responses?|submissions?)\b.{0,20}"
        r"\b(level full|full (level|marks?|credit|points))\b"
    ),
    r"\b(output|return|print|choose|use)\b.{0,20}\blevel\b.{0,5}\bfull\b",
    r"\b(all|every|each|any) criteri\w+ (is|are|counts? as) (met|full|satisfied|fulfilled)\b",
    r"\bgrading (is|has been) (finished|over|completed?)\b",
    (
        r"\b(i|you|this|it|here|above|which)\b.{0,30}"
        r"\b(fulfil\w*|satisf\w+|meets?|covers?|contains?|addresses|find|match\w*|completes?)\b.{0,30}"
        r"\b(rubrics?|criteri\w+|marking scheme)\b"
    ),
    (
        rf"\b{_WORK}\b.{{0,40}}\b(meets|satisfies|fulfils|fulfills|deserves|earns|covers|merits)\b.{{0,30}}"
        r"\b(all|every|each|full|highest|maximum|10|ten)\b"
    ),
)

_SPANISH = (
    (
        _CLAUSE.format(r"(?:por favor|ahora|debes?|tienes que|hay que)")
        + r"(?:ignor(?:a|e|ad|en|ar)|olvid(?:a|e|en|ar)|descart(?:a|e|ar)|ha(?:z|ga|cer) caso omiso)\b.{0,60}"
        r"\b(?:instrucci\w+|indicaci\w+|reglas?|r[uú]bricas?|criterios?|anterior\w*)\b"
    ),
    r"\b(?:da(?:me|le)?|d[eé](?:me|le)?|dar(?:me|le)|otorga\w*|asigna\w*|p[oó]n(?:me|le|ga(?:me|le)?)?|conced[ea]\w*)\b.{0,40}"
    + _near(
        r"\b(?:puntuaci[oó]n|nota|calificaci[oó]n|puntos|puntaje)\b", r"\b(?:m[aá]xim\w+|perfect\w+|10|diez)\b", 20
    ),
    (
        r"\b(?:estimad[oa]|querid[oa]|hola|nota (?:para|al?)|mensaje (?:para|al?)|atenci[oó]n)\b.{0,20}"
        r"\b(?:evaluador|corrector|examinador|calificador|profesor|revisor)\w*\b"
    ),
    (
        r"\b(?:esta|mi) respuesta\b.{0,30}\b(?:merece|cumple|satisface)\b.{0,30}"
        r"\b(?:tod[oa]s?|m[aá]xim\w+|criterios|10|diez)\b"
    ),
)

_FRENCH = (
    (
        _CLAUSE.format(r"(?:s['’]il (?:te|vous) pla[iî]t|maintenant|tu dois|vous devez)")
        + r"(?:ignore[rz]?|oublie[rz]?|(?:ne )?(?:tiens|tenez|tenir) (?:pas|aucun) compte|fai(?:s|tes) abstraction)\b"
        r".{0,60}\b(?:instruction\w*|consignes?|r[eè]gles?|bar[eè]mes?|crit[eè]res?|pr[eé]c[eé]dent\w*)\b"
    ),
    r"\b(?:donne[rz]?|attribue[rz]?|accorde[rz]?|mets|mettez)\b.{0,40}"
    + _near(r"\b(?:note|points|score)\b", r"\b(?:maximale?|maximum|parfaite?|compl[eè]te|tous|10|dix)\b", 20),
    (
        r"\b(?:ch[eè]re?|bonjour|(?:note|message) (?:au|[aà] l['’]|pour)|attention)\b.{0,20}"
        r"\b(?:correct(?:eur|rice)|examinat(?:eur|rice)|[eé]valuat(?:eur|rice)|professeur|enseignant)\w*\b"
    ),
    (
        r"\b(?:cette|ma) r[eé]ponse\b.{0,30}\b(?:m[eé]rite|satisfait|remplit)\b.{0,30}"
        r"\b(?:tou(?:s|tes)|maxim\w+|crit[eè]res|10|dix)\b"
    ),
)

_GERMAN = (
    (
        r"\b(?:ignorier(?:e|en Sie)|vergiss|vergessen Sie|missachten? Sie|missachte)\b.{0,60}"
        r"\b(?:alle|die|diese|s[aä]mtliche|jede)\b.{0,30}"
        r"(?:anweisung\w*|instruktion\w*|vorgabe\w*|regeln?|kriteri\w+|bewertungsraster|obig\w*|vorherig\w*|bisherig\w*)\b"
    ),
    (
        r"\b(?:gib|geben Sie|vergib|vergeben Sie|erteile?|bewerte|bewerten Sie)\b.{0,40}"
        r"\b(?:volle[nrs]?|maximale?[nrs]?|h[oö]chste?[nrs]?|perfekte?[nrs]?|10|zehn)\b.{0,10}"
        r"\b(?:punkt\w*|note|bewertung)\b"
    ),
    (
        r"\b(?:liebe[rs]?|sehr geehrte[rs]?|hallo|(?:hinweis|nachricht|notiz) (?:an|f[uü]r)|achtung)\b.{0,25}"
        r"\b(?:pr[uü]fer|korrektor|bewerter|gutachter|lehrer|lehrkraft|dozent)\w*\b"
    ),
    (
        r"\b(?:diese|meine) antwort\b.{0,20}\b(?:verdient|erf[uü]llt)\b.{0,30}"
        r"\b(?:alle|volle|h[oö]chst|maximal|10|zehn)\w*\b"
    ),
)

_PORTUGUESE = (
    (
        _CLAUSE.format(r"(?:por favor|agora|deves?|voc[eê] deve)")
        + r"(?:ignor[ea]r?|esque[cç][ae]r?|desconsider[ea]r?|descart[ea]r?)\b.{0,60}"
        r"\b(?:instru[cç][aãoõ]\w*|regras?|crit[eé]rios?|rubricas?|anterior\w*)\b"
    ),
    r"(?:\bd[eêá](?:-me)?\b|\bme d[eê]\b|\batribua\b|\bconceda\b|\bcoloque\b).{0,40}"
    + _near(r"\b(?:nota|pontua[cç][aã]o|pontos)\b", r"\b(?:m[aá]xim\w+|perfeit\w+|total|10|dez)\b", 20),
    (
        r"\b(?:car[oa]|prezad[oa]|ol[aá]|(?:nota|mensagem) (?:para|ao)|aten[cç][aã]o)\b.{0,20}"
        r"\b(?:avaliador|corretor|examinador|professor)\w*\b"
    ),
    (
        r"\b(?:esta|minha) resposta\b.{0,30}\b(?:merece|cumpre|atende|satisfaz)\b.{0,30}"
        r"\b(?:tod[oa]s?|m[aá]xim\w+|crit[eé]rios|10|dez)\b"
    ),
)

_CHINESE = (
    (
        r"(?:^|[，。；：、！？,;:\"“「（(\s]|请|請|你(?:必须|必須|要|应该|應該)|现在|現在)"
        r"(?:忽略|无视|無視|忘记|忘記|忘掉|不要理会|不要理會|跳过|跳過)"
        r".{0,15}(?:指令|指示|说明|說明|规则|規則|标准|標準|评分|評分|提示|以上|之前|上述)"
    ),
    r"(?:给|給|打|判|授予|评为|評為).{0,12}(?:满分|滿分|最高分)",
    r"(?:给|給)(?:我|这|這|本|该|該).{0,10}(?:10|十|100|一百)\s*分",
    r"(?:亲爱的|親愛的|尊敬的|致|您好|你好|注意)[，,：:]?(?:评分|評分|阅卷|閱卷|批改|老师|老師|评审|評審|考官|教师|教師)",
    r"(?:这个|这份|這個|這份|本|该|該|我的)(?:答案|回答).{0,10}(?:符合|满足|滿足|应得|應得|值得).{0,10}(?:所有|全部|满分|滿分|每|最高)",
)

_JAPANESE = (
    (
        r"(?:指示|命令|ルール|規則|基準|プロンプト|上記|以前|これまで).{0,20}"
        r"(?:無視し|忘れ)(?:てください|て下さい|てほしい|なさい|ろ)|(?:指示|命令|ルール|基準|上記).{0,10}無視せよ"
    ),
    r"(?:満点|最高点|最高得点|[1１][0０]点|十点).{0,12}(?:与え|つけ|付け|くだ|下さ|お願い|採点し|評価し)",
    r"(?:採点者|評価者|試験官|審査員|採点する?先生)(?:の方|の皆|様|さん|へ|、|：|:)",
    r"(?:この|私の)(?:回答|解答|答え).{0,15}(?:すべて|全て|全部|満点|最高).{0,15}(?:満た|値する|ふさわし|当然)",
)

_ARABIC = (
    (
        r"(?:تجاهل(?:وا)?|انس|أهمل)\s+(?:كل|جميع|كافة|هذه|ما سبق|(?:ال)?تعليمات|(?:ال)?قواعد|(?:ال)?معايير)"
        r"(?:.{0,40}(?:تعليمات|قواعد|معايير|أوامر|السابقة|سبق))?"
    ),
    r"(?:أعط|اعط|امنح|ضع)\S*\s.{0,40}"
    + _near(r"(?:درجة|علامة|نقاط|تقييم)", r"(?:كاملة|القصوى|قصوى|النهائية|10|١٠)", 20),
    r"(?:عزيزي|إلى|مرحبا|ملاحظة|انتباه)\S*\s.{0,10}(?:المصحح|المقيّم|المقيم|الممتحن|الأستاذ|المعلم)",
    r"(?:هذه الإجابة|إجابتي|هذا الجواب).{0,20}(?:تستحق|تستوفي|يستحق|يستوفي).{0,30}(?:جميع|كل|كاملة|القصوى|المعايير)",
)

_HINDI = (
    (
        r"(?:निर्देश|नियम|मानदंड|हिदायत|आदेश).{0,30}(?:अनदेखा|अनदेखी|नज़रअंदाज़|नजरअंदाज|उपेक्षा|भूल)\s*"
        r"(?:कर(?:ो|ें|िए|िये|\s+द(?:ो|ें))|जा(?:ओ|एँ|एं|इए|इये))"
    ),
    r"(?:पूरे|पूर्ण|अधिकतम|सर्वोच्च|10|१०|दस).{0,15}(?:अंक|नंबर|स्कोर|मार्क्स).{0,15}(?:द(?:ो|ें|ीजिए|ीजिये)|प्रदान कर(?:ो|ें))",
    r"(?:प्रिय|नमस्ते|आदरणीय|ध्यान दें).{0,10}(?:परीक्षक|शिक्षक|मूल्यांकनकर्ता|अध्यापक)",
    r"(?:यह|मेरा|इस)\s+(?:उत्तर|जवाब).{0,30}(?:सभी|पूरे|अधिकतम).{0,20}(?:मानदंड|अंक).{0,20}(?:पूरा करता|योग्य|हकदार)",
)

_RUSSIAN = (
    (
        r"\b(?:(?:про)?игнорируй(?:те)?|забудь(?:те)?|не обращай(?:те)? внимания|отбрось(?:те)?)\b.{0,60}"
        r"\b(?:инструкци|указани|правил|критери|рубрик|предыдущ)\w*\b"
    ),
    r"\b(?:поставь(?:те)?|дай(?:те)?|присвой(?:те)?|выставь(?:те)?|оцени(?:те)?)\b.{0,40}"
    + _near(r"\b(?:балл|оценк|очк)\w*\b", r"\b(?:максимальн\w+|полн\w+|высш\w+|10|десять)\b", 20),
    (
        r"\b(?:уважаем\w+|дорог(?:ой|ая)|здравствуйте|(?:примечание|сообщение) для|вниманию)\b.{0,20}"
        r"\b(?:проверяющ|экзаменатор|оценщик|преподавател|учител)\w*\b"
    ),
    (
        r"\b(?:этот|мой) ответ\b.{0,20}\b(?:заслуживает|соответствует|удовлетворяет)\b.{0,30}"
        r"\b(?:всем|максимальн\w*|высш\w*|критери\w*|10)\b"
    ),
)

_TURKISH = (
    (
        r"\b(?:talimat|yönerge|kural|kriter|ölçüt|yukarıdaki|önceki|komut)\w*\b.{0,40}"
        r"\b(?:yok say(?:ın|ınız)?|görmezden gel(?:in|iniz)?|unut(?:un|unuz)?|dikkate alma(?:yın|yınız)?)\b"
    ),
    r"\b(?:tam|en yüksek|maksimum|azami|10|on)\b.{0,10}\b(?:puan|not)\w*\b.{0,15}\bver(?:in|iniz|ir misin\w*)?\b",
    r"\b(?:say[ıi]n|sevgili|merhaba|dikkat)\b.{0,20}\b(?:değerlendir\w+|öğretmen\w*|hocam|puanlayıcı\w*)",
    (
        r"\bbu (?:cevap|yanıt)\b.{0,40}\b(?:tüm|bütün|tam|en yüksek)\b.{0,20}\b(?:kriter|ölçüt|puan)\w*\b.{0,20}"
        r"\b(?:karşıl|hak ed|sağl)\w*"
    ),
)

_ITALIAN = (
    (
        _CLAUSE.format(r"(?:per favore|ora|adesso|devi|deve)")
        + r"(?:ignor(?:a|i|ate|are)|dimentic(?:a|hi|ate|are)|trascur(?:a|i|ate|are))\b.{0,60}"
        r"\b(?:istruzion\w+|indicazion\w+|regol\w+|criteri\w*|rubric\w*|precedent\w*)\b"
    ),
    r"\b(?:d(?:ai|à|ia|ate|are|ammi|agli)|assegn\w+|attribui\w+|concedi\w*)\b.{0,40}"
    + _near(r"\b(?:punteggio|voto|punti|valutazione)\b", r"\b(?:massim\w+|perfett\w+|pien\w+|10|dieci)\b", 20),
    (
        r"\b(?:caro|cara|gentile|salve|ciao|(?:nota|messaggio) (?:per|al)|attenzione)\b.{0,20}"
        r"\b(?:valutatore|correttore|esaminatore|professore|docente|insegnante)\w*\b"
    ),
    r"\b(?:questa|la mia) risposta\b.{0,30}\b(?:merita|soddisfa)\b.{0,30}\b(?:tutti|massim\w+|criteri|10|dieci)\b",
)

_DUTCH = (
    (
        r"\b(?:negeer|vergeet)\b.{0,40}"
        r"\b(?:instructie\w*|aanwijzing\w*|regels?|criteria|rubric\w*|bovenstaande|vorige|eerdere)\b"
    ),
    r"\b(?:geef|ken|verleen|beoordeel)\b.{0,40}"
    + _near(r"\b(?:scores?|cijfers?|punten|beoordeling)\b", r"\b(?:volle(?:dige)?|maxima\w+|hoogste|10|tien)\b", 20),
    (
        r"\b(?:beste|geachte|hallo|(?:bericht|opmerking|notitie) (?:aan|voor)|let op)\b.{0,20}"
        r"\b(?:beoordelaar|corrector|examinator|docent|leraar|nakijker)\w*\b"
    ),
    r"\b(?:dit|mijn) antwoord\b.{0,30}\b(?:verdient|voldoet)\b.{0,30}\b(?:alle|volle|hoogste|maxima\w+|10|tien)\b",
)

_POLISH = (
    (
        r"\b(?:z?ignoruj(?:cie)?|zapomnij(?:cie)?|pomiń(?:cie)?)\b.{0,60}"
        r"\b(?:instrukcj|poleceni|wskazówk|zasad|reguł|kryteri|poprzedni|powyższ)\w*"
    ),
    r"\b(?:przyznaj|daj|wystaw|oceń)(?:cie)?\b.{0,40}"
    + _near(r"\b(?:punkt|ocen|not)\w*", r"\b(?:maksymaln|najwyższ|pełn|10|dziesięć)\w*", 20),
    (
        r"\b(?:drogi|szanown\w+|cześć|(?:uwaga|wiadomość) (?:do|dla))\b.{0,20}"
        r"\b(?:egzaminator|nauczyciel|oceniając|recenzen)\w*"
    ),
    r"\b(?:ta|moja) odpowiedź\b.{0,30}\b(?:zasługuje|spełnia)\b.{0,30}\b(?:wszystk|maksymaln|najwyższ|pełn)\w*",
)

_KOREAN = (
    r"(?:지시|명령|규칙|기준|프롬프트|위의|이전).{0,20}(?:무시|잊어)(?:하고|하세요|하십시오|해\s?주세요|해라|하라|버리고|버려)",
    r"(?:만점|최고점|최고 점수|10점|십점).{0,10}(?:주세요|주십시오|줘|부여|매겨|달라)",
    r"(?:채점자|평가자|시험관|심사위원|선생님)(?:께|에게|님|,|:|：)",
    r"(?:이|제|나의|내) (?:답변|답안|대답).{0,15}(?:모든|만점|최고).{0,15}(?:충족|만족|받을 만|자격)",
)

_ANY_LANGUAGE = (
    # who pretends to speak: a label in front of a line
    r"^\W*(?:sistema|syst[eè]me|系统|系統|システム|система|sistem|النظام|सिस्टम)\s*[:：]",
)

ORDERS: dict[str, tuple[str, ...]] = {
    "en": _ENGLISH,
    "es": _SPANISH,
    "fr": _FRENCH,
    "de": _GERMAN,
    "pt": _PORTUGUESE,
    "zh": _CHINESE,
    "ja": _JAPANESE,
    "ar": _ARABIC,
    "hi": _HINDI,
    "ru": _RUSSIAN,
    "tr": _TURKISH,
    "it": _ITALIAN,
    "nl": _DUTCH,
    "pl": _POLISH,
    "ko": _KOREAN,
    "any": _ANY_LANGUAGE,
}
